import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { omoeDefaults } from '../src/optim/options.ts';
import { usedBy as declarationsUsedBy } from './readme.fixture.ts';

/** The map of the README must lead somewhere: files exist, definitions are exported, laws run the definitions that they say. */
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
  const root = here('../').href;
  const inside = ['spec/', 'property-tests/'].map((folder) => root + folder);
  const usedBy = new Map<string, ReadonlySet<string>>();
  const uses = (place: string): ReadonlySet<string> => {
    if (!usedBy.has(place)) usedBy.set(place, declarationsUsedBy(fileOf(place), [...inside, fileOf(place)]));
    return usedBy.get(place)!;
  };
  const fileOf = (place: string) => root + (place.startsWith('laws/') ? `property-tests/${place}.ts` : place);
  for (const [equation, definition, laws] of rows) {
    it(`${equation}: laws and tests run the definition where it says so, and nowhere else`, () => {
      const names = quoted(definition);
      const definitions = names.flatMap((file, k) => (k % 2 === 0 ? [`${root}spec/${file} ${names[k + 1]}`] : []));
      const places = [...laws.matchAll(/(= )?`([^`]+)`/g)];
      expect(places.length).toBeGreaterThan(0);
      for (const [, marked, place] of places) {
        const runs = definitions.some((name) => uses(place).has(name));
        // The specification's own tests run what they test, and are not marked.
        expect(runs, place).toBe(marked !== undefined || place.startsWith('spec/'));
      }
    });
  }
});

describe('ambiguities.md', () => {
  it('names every switch of the optimizer', () => {
    const text = readFileSync(here('./ambiguities.md'), 'utf8');
    expect(Object.keys(omoeDefaults).filter((name) => !text.includes('`' + name))).toEqual([]);
  });
});
