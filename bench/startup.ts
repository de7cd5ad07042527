import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { statisticsOf } from './sample.ts';
import { markdown, spread } from './table.ts';

/** From the import to the first result, and the whole process with Node's own start, in a fresh process each time. */

const built = new URL('../dist/', import.meta.url);

const program = (backend: string) => `
  const start = performance.now();
  const { engine } = await import('${new URL('src/index.js', built)}');
  const { ${backend} } = await import('${new URL(`backends/${backend}/index.js`, built)}');
  const t = engine(await ${backend}());
  const y = await t.tensor([[1, 2], [3, 4]]).matmul(t.eye(2)).data();
  if (y.join() !== '1,2,3,4') throw new Error('wrong: ' + y);
  console.log(performance.now() - start);
  process.exit(0);
`;

/** @throws Error where `npm run build` has not been run, or the result is wrong */
export function startup(node: string, samples: number): string {
  if (!existsSync(new URL('backends/wasm/index.js', built)))
    throw new Error('startup: no dist/backends/wasm; npm run build makes it');
  const rows = ['wasm', 'cpu'].map((backend) => {
    const runs = Array.from({ length: samples }, () => {
      const begun = performance.now();
      const inside = Number(execFileSync(node, ['--input-type=module', '-e', program(backend)], { encoding: 'utf8' }));
      return { inside, whole: performance.now() - begun };
    });
    const of = (pick: (run: (typeof runs)[number]) => number) => spread(statisticsOf([runs.map(pick)]));
    return [backend, of(({ inside }) => inside), of(({ whole }) => whole), samples];
  });
  return markdown(['backend', 'import to first result, ms', 'whole process, ms', 'samples'], rows);
}
