import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backend, HostArray, Kernels } from 'omoe/backend';
import { runConformance } from 'omoe/conformance';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';

/**
 * docs/write-a-backend.md is run. Its `ts` blocks, one after the other, are one module; importing it registers the whole kit
 * as tests (step 6). The laws in a step's table hold with the kernels of that step, and not with those of the step before.
 * What is shown as printed is what was printed.
 */
const page = readFileSync(new URL('./write-a-backend.md', import.meta.url), 'utf8');
const blocks = (info: string): string[] =>
  [...page.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].filter(([, given]) => given === info).map(([, , body]) => body);
const source = blocks('ts').join('\n');

type ArrayKernels = Partial<Kernels<HostArray>>;
interface Written extends Record<'moving' | 'elementwise' | 'reducing' | 'indexing', ArrayKernels> {
  plain(kernels: ArrayKernels): Backend;
  traced(): unknown;
  mistaken(): Promise<(string | undefined)[]>;
}

// Beside this file, so that bare imports resolve as they do here.
const folder = mkdtempSync(fileURLToPath(new URL('./.write-a-backend-', import.meta.url)));
const file = join(folder, 'plain.ts');
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(file, source);
const written = (await import(/* @vite-ignore */ file)) as Written;

/** What a step has, and the laws that its table names. */
const added: readonly ArrayKernels[] = [{}, written.moving, written.elementwise, written.reducing, written.indexing];
const steps = page.split(/^## \d+\. /m).slice(1, 1 + added.length);
const lawsOf = (step: string): string[] => [...step.matchAll(/^\| `([^`]+)` \|/gm)].map(([, law]) => law);
const kernelsAfter = (step: number): ArrayKernels => Object.assign({}, ...added.slice(0, step + 1));

const holds = async (kernels: ArrayKernels, law: string): Promise<boolean> => {
  const { laws } = await runConformance({ create: () => written.plain(kernels), only: law, runs: 3 });
  expect(laws.map(({ law }) => law)).toEqual([law]);
  expect(laws[0].outcome, String(laws[0].reason)).not.toBe('skip');
  return laws[0].outcome === 'pass';
};

describe('docs/write-a-backend.md', () => {
  for (const [i, step] of steps.entries())
    for (const law of lawsOf(step))
      it(`step ${i + 1}: now holds ${law}`, async () => {
        expect(await holds(kernelsAfter(i), law)).toBe(true);
        if (i > 0) expect(await holds(kernelsAfter(i - 1), law)).toBe(false);
      });

  it('names laws in each of its first five steps', () => {
    for (const step of steps) expect(lawsOf(step).length).toBeGreaterThan(1);
  });

  it('says what a backend without kernels says', async () => {
    const { laws } = await runConformance({ create: () => written.plain({}), only: 'copy', runs: 1 });
    const [, message] = page.match(/^Everything else fails, and says so: `(.*)`\.$/m) ?? [];
    expect(laws.map(({ error }) => error?.message).join()).toContain(message);
  });

  it('shows what the trace says', () => {
    expect(written.traced()).toEqual(JSON.parse(blocks('json traced')[0]));
  });

  it('shows what the kit says of the mistake', async () => {
    const [first] = await written.mistaken();
    expect(blocks('text mistaken')).toEqual([`${first}\n`]);
  });

  it('compiles, and does not with a primitive left out', () => {
    const short = join(folder, 'short.ts');
    writeFileSync(short, source.replace(', ...indexing }', ' }'));
    const config = fileURLToPath(new URL('../tsconfig.json', import.meta.url));
    const given = ts.readConfigFile(config, ts.sys.readFile).config;
    const { options } = ts.parseJsonConfigFileContent(given, ts.sys, join(config, '..'));
    const program = ts.createProgram([file, short], options);
    const complaints = (path: string): string =>
      program
        .getSemanticDiagnostics(program.getSourceFile(path))
        .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
        .join('; ');
    expect(complaints(file)).toBe('');
    expect(complaints(short)).toMatch(/missing.*gather, scatterAdd/);
  });
});
