import { type Simd, wasm } from '../backends/wasm/index.ts';
import { lawPattern, testBackend } from './vitest-suite.ts';

/**
 * The kit in WebAssembly: plain SIMD on one thread, in both precisions. OMOE_WASM names others, e.g. `plain:2,relaxed:1`, which
 * run in Float32 unless OMOE_WASM_DTYPES says otherwise (`float64`, `float32,float64`); several threads share even the smallest work.
 */
const file = 'property-tests/wasm.test.ts';
type Precision = 'float32' | 'float64';

const named = process.env.OMOE_WASM || 'plain:1';
const dtypesOf = (build: string): Precision[] =>
  (process.env.OMOE_WASM_DTYPES || (build === 'plain:1' ? 'float32,float64' : 'float32')).split(',') as Precision[];

for (const build of named.split(',')) {
  const [simd, count] = build.split(':') as [Simd, string];
  const threads = Number(count);
  for (const dtype of dtypesOf(build))
    testBackend(file, {
      name: `wasm, ${simd} SIMD, ${count} ${threads === 1 ? 'thread' : 'threads'}, ${dtype}`,
      create: () => wasm({ simd, threads, largestChunk: threads === 1 ? undefined : 1 }),
      dtypes: [dtype],
      replay: (law, seed, path) =>
        `OMOE_WASM=${build} OMOE_WASM_DTYPES=${dtype} OMOE_SEED=${seed} OMOE_PATH=${path} npx vitest run ${file} -t ${lawPattern(law)}`,
    });
}
