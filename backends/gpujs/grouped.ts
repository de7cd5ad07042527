import type { View } from '../../src/backend.ts';
import { OmoeError } from '../../src/errors.ts';
import { activate } from './activation.ts';
import type { GpuBuffer } from './buffer.ts';
import { type GpuComposite, tooLong } from './kernel.ts';
import { type Factor, factorOf, multiply, type Offsets, transposed } from './product.ts';
import type { Program } from './program.ts';
import type { Runtime } from './runtime.ts';

/**
 * Products over rows sorted by expert: expert e owns rows offsets[e] ≤ r < offsets[e + 1]. The offsets are data on the device.
 * A thread finds the expert of its row by counting the ranges that end at or before it.
 */

// An offset is wrong where it is below the one before it (the first one: not 0) or beyond the rows.
const offsetsProgram: Program = {
  key: 'wrong offsets',
  parameters: { offsets: 'buffer', offset: 'integer', stride: 'integer', rows: 'number' },
  body: `
    const current = offsets[offset + this.thread.x * stride];
    if (this.thread.x === 0) {
      if (current !== 0) { return 1; }
      return 0;
    }
    if (current < offsets[offset + (this.thread.x - 1) * stride]) { return 1; }
    if (current > rows) { return 1; }
    return 0;`,
};

/** Which offsets of which buffers were checked already, and of those none was found wrong; buffers never change. */
const checked = new WeakMap<GpuBuffer, Set<string>>();

/** @throws OmoeError, here or at the next read, unless 0 = o₀ ≤ o₁ ≤ … ≤ rows */
function requireOffsets(runtime: Runtime, operation: string, view: View<GpuBuffer>, rows: number): Offsets {
  const { buffer, offset, shape, strides } = view;
  const [length, stride] = [shape[0], strides[0]];
  const call = [offset, stride, length, rows].join();
  const known = checked.get(buffer) ?? new Set();
  if (!known.has(call)) {
    runtime.check({
      operation,
      program: offsetsProgram,
      args: [buffer, offset, stride, rows],
      length,
      values: { buffer, offset, stride },
      complaint: (position, value) =>
        new OmoeError({
          operation,
          received: `offset ${value} at position ${position}`,
          expected: position === 0 ? '0' : `from that at position ${position - 1} to ${rows}`,
          advice: 'Offsets begin at 0, never fall, and end at or before the number of rows.',
        }),
      forget: () => known.delete(call),
    });
    checked.set(buffer, known.add(call));
  }
  return { buffer, offset, stride, experts: length - 1 };
}

/** [expert, …, …] with its experts as the batch. */
const byExpert = (x: View<GpuBuffer>): Factor => factorOf(x, x.strides.slice(0, 1));
/** [row, …], the same for every expert. */
const shared = (x: View<GpuBuffer>): Factor => factorOf(x, [0]);

// x_r W_e for the rows r of e; rows of nobody are 0.  [row, in] · [expert, in, out] -> [row, out]
export const groupedMatmul: GpuComposite<'groupedMatmul'> =
  (runtime) =>
  ([x, w, offsets]) => {
    const operation = 'groupedMatmul';
    const long = tooLong(x.shape[1]);
    if (long) return long;
    return [
      multiply(runtime, {
        ...{ operation, batch: [], rows: x.shape[0], inner: x.shape[1], columns: w.shape[2] },
        left: shared(x),
        right: byExpert(w),
        grouped: { over: 'rows', offsets: requireOffsets(runtime, operation, offsets, x.shape[0]) },
      }),
    ];
  };

// x_r W_e + b_e for the rows r of e.  [row, in] · [expert, in, out] -> [row, out]
export const groupedLinear: GpuComposite<'groupedLinear'> =
  (runtime) =>
  ([x, w, b, offsets], { activation }, [output]) => {
    const operation = 'groupedLinear';
    const long = tooLong(x.shape[1]);
    if (long) return long;
    const z = multiply(runtime, {
      ...{ operation, batch: [], rows: x.shape[0], inner: x.shape[1], columns: w.shape[2] },
      left: shared(x),
      right: byExpert(w),
      base: {
        ...{ buffer: b.buffer, offset: b.offset, batch: [b.strides[0]], row: 0, column: b.strides[1] },
        sign: '+',
      },
      grouped: { over: 'rows', offsets: requireOffsets(runtime, operation, offsets, x.shape[0]) },
    });
    return activation === 'none' ? [z] : [activate(runtime, operation, activation, z, output), z];
  };

// Σ_r x_r ⊗ g_r over the rows r of e; 0 for an expert without rows.  [in, row] · [row, out] -> [expert, in, out]
export const groupedOuter: GpuComposite<'groupedOuter'> =
  (runtime) =>
  ([x, g, offsets]) => {
    const operation = 'groupedOuter';
    const long = tooLong(x.shape[0]);
    if (long) return long;
    const experts = offsets.shape[0] - 1;
    return [
      multiply(runtime, {
        ...{ operation, batch: [experts], rows: x.shape[1], inner: x.shape[0], columns: g.shape[1] },
        left: transposed(shared(x)),
        right: shared(g),
        grouped: { over: 'inner', offsets: requireOffsets(runtime, operation, offsets, x.shape[0]) },
      }),
    ];
  };
