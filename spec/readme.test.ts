import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { omoeDefaults } from '../src/optim/options.ts';

/** The map of the README must lead somewhere: each file exists, each definition is exported by its file. */
const here = (path: string) => new URL(path, import.meta.url);
const lines = readFileSync(here('./README.md'), 'utf8').split('\n');
const rows = lines
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split(/(?<!\\)\|/) // cells may hold an escaped bar, as in |x|
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  .filter((cells) => cells.length === 4 && cells[1].startsWith('`'));
const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text);

describe('the map', () => {
  it('covers the method', () => expect(rows.length).toBeGreaterThan(50));
  for (const [equation, definition, , code] of rows) {
    it(equation, async () => {
      const [file, name] = quoted(definition);
      const module: Record<string, unknown> = await import(here(`./${file}`).href);
      expect(Object.keys(module)).toContain(name);
      expect(quoted(code).filter((path) => !existsSync(here(`../${path}`)))).toEqual([]);
    });
  }
  it('names laws and tests that exist', () => {
    const named = [...new Set(rows.flatMap(([, , laws]) => quoted(laws)))];
    const places = (law: string) =>
      law.startsWith('laws/') ? [`../property-tests/${law}.ts`, `../property-tests/${law}.test.ts`] : [`../${law}`];
    expect(named.filter((law) => !places(law).some((path) => existsSync(here(path))))).toEqual([]);
  });
});

describe('ambiguities.md', () => {
  it('names every switch of the optimizer', () => {
    const text = readFileSync(here('./ambiguities.md'), 'utf8');
    expect(Object.keys(omoeDefaults).filter((name) => !text.includes('`' + name))).toEqual([]);
  });
});
