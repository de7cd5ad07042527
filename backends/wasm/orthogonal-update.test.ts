import { expect, it } from 'vitest';
import type { Kernel } from '../../src/backend.ts';
import { matrix, qr } from '../../src/linalg/index.ts';
import { contiguousStrides } from '../../src/shape.ts';
import type { Exports } from './generated/exports.ts';
import type { CompositeAttrs } from './kernel.ts';
import { compileKernels, instantiate } from './module.ts';
import { orthogonalUpdate } from './orthogonal-update.ts';
import { createRuntime } from './runtime.ts';
import { createStorage, type WasmBuffer } from './storage.ts';

/**
 * A length that was foreseen wrongly is computed again, so a wrong forecast is as right as any, and only slow. That it holds
 * where it should, and is not trusted where it cannot, is seen from the kernels that run.
 */

const memory = new WebAssembly.Memory({ initial: 2, maximum: 1024 });
const exports = instantiate(await compileKernels('plain', false), memory);
const called: string[] = [];
const watched = Object.fromEntries(
  Object.entries(exports).map(([name, kernel]) => [
    name,
    (...args: number[]) => {
      called.push(name);
      (kernel as (...args: number[]) => void)(...args);
    },
  ]),
);
const storage = createStorage(memory, 2 ** 26);
const bind = createRuntime({
  exports: watched as unknown as Exports,
  storage,
  threads: null,
  largestChunk: Number.POSITIVE_INFINITY,
});
const update: Kernel<WasmBuffer, CompositeAttrs['orthogonalUpdate']> = bind('orthogonalUpdate', orthogonalUpdate);

const [rows, cols, rank] = [130, 300, 9]; // more than one block either way
const draw = (count: number, phase: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + phase * i * i));

it.each(['output', 'input'] as const)('%s side: what stands upright is foreseen, what leans is not', (side) => {
  const size = side === 'output' ? cols : rows + 1;
  const upright = qr(matrix(size, rank, draw(size * rank, 1))).q.data;
  const leaning = upright.map((x, at) => (at % rank === 0 ? x : (x + upright[at - 1]) / 2));
  const view = (data: Float64Array, ...shape: number[]) => {
    const buffer = storage.upload(Float32Array.from(data), 'float32');
    return { buffer, shape, dtype: 'float32', strides: contiguousStrides(shape), offset: 0 } as const;
  };
  const [weight, bias] = [view(draw(rows * cols, 2), 1, rows, cols), view(draw(cols, 3), 1, cols)];
  const attrs = { side, bias: 'augment', renorm: true, limit: 10 } as const;
  const outputs = [weight, bias, ...['float32', 'float32', 'bool'].map((dtype) => ({ dtype, shape: [1] }))];
  const computedAgain = (v: Float64Array): boolean => {
    called.length = 0;
    update([weight, bias, view(v, 1, size, rank)], attrs, outputs as never);
    expect(called).toContain('updateExperts');
    return called.includes('updateFactorsF32');
  };
  expect(computedAgain(upright)).toBe(false);
  expect(computedAgain(leaning)).toBe(true);
});
