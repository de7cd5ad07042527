import type { Spec } from '../../src/backend.ts';
import { sizeOf } from '../../src/shape.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import type { WasmBuffer } from './storage.ts';

/** Optimizer steps: all parameters in one call. */

/** Elements of a block of a parameter, as in kernels/parameters.ts. */
const blockSize = 1024;
/** Blocks of a chunk. */
const grain = 16;

interface Step {
  readonly results: readonly WasmBuffer[];
  readonly blocks: number;
  readonly table: number;
  /** Where the table ends. */
  readonly end: number;
}

const wordsOf = (value: number): Int32Array => new Int32Array(Float64Array.of(value).buffer);

/** The table of kernels/parameters.ts: for each parameter its `each` inputs and its share of the outputs. */
function prepare(
  runtime: Runtime,
  inputs: readonly WasmView[],
  outputs: readonly Spec[],
  each: number,
  decayOf: (parameter: number) => number,
): Step {
  const results = outputs.map(runtime.output);
  const parameters = inputs.length / each;
  const resultsEach = outputs.length / parameters;
  const entries: number[] = [];
  let blocks = 0;
  for (let i = 0; i < parameters; i++) {
    const operands = inputs.slice(each * i, each * (i + 1)).map((view) => runtime.address(runtime.contiguous(view)));
    const own = results.slice(resultsEach * i, resultsEach * (i + 1)).map(({ address }) => address);
    const size = sizeOf(inputs[each * i].shape);
    entries.push(blocks, size, ...wordsOf(decayOf(i)), ...operands, ...own);
    blocks += Math.ceil(size / blockSize);
  }
  const table = runtime.table(entries);
  return { results, blocks, table, end: table + 4 * entries.length };
}

interface AdamWAttrs {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecays: readonly number[];
  readonly time: number;
}

// [θ₁, g₁, m₁, v₁, θ₂, …] -> [Δ₁, m₁, v₁, Δ₂, …]
export const adamwStep: WasmKernel<AdamWAttrs> = (runtime, inputs, attrs, outputs) => {
  if (inputs.length === 0) return [];
  const { learningRate, beta1, beta2, epsilon, weightDecays, time } = attrs;
  const { results, blocks, table, end } = prepare(runtime, inputs, outputs, 4, (i) => weightDecays[i]);
  const corrections = [1 - beta1 ** time, 1 - beta2 ** time] as const;
  const name = outputs[0].dtype === 'float64' ? 'adamwF64' : 'adamwF32';
  runtime.run(name, blocks, grain, table, end, learningRate, beta1, beta2, epsilon, ...corrections);
  return results;
};

interface SgdAttrs {
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

// [θ₁, g₁, θ₂, …] -> [Δ₁, Δ₂, …], with momentum [θ₁, g₁, v₁, θ₂, …] -> [Δ₁, v₁, Δ₂, …]
export const sgdStep: WasmKernel<SgdAttrs> = (runtime, inputs, attrs, outputs) => {
  if (inputs.length === 0) return [];
  const { learningRate, momentum, nesterov, weightDecay } = attrs;
  const { results, blocks, table, end } = prepare(runtime, inputs, outputs, momentum === 0 ? 2 : 3, () => weightDecay);
  const suffix = outputs[0].dtype === 'float64' ? 'F64' : 'F32';
  if (momentum === 0) runtime.run(`sgd${suffix}`, blocks, grain, table, end, learningRate);
  else runtime.run(`momentum${suffix}`, blocks, grain, table, end, learningRate, momentum, Number(nesterov));
  return results;
};
