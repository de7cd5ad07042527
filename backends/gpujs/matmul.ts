import type { View } from '../../src/backend.ts';
import { broadcastStrides } from '../../src/shape.ts';
import { activate } from './activation.ts';
import type { GpuBuffer } from './buffer.ts';
import { type GpuComposite, tooLong } from './kernel.ts';
import { contiguousFactor, type Factor, factorOf, multiply, transposed } from './product.ts';

/** The products: of two matrices, of a matrix with itself, off a span, and of a linear layer. */

/** The batch axes seen in those of the output. */
function broadcastFactor(x: View<GpuBuffer>, batch: readonly number[]): Factor {
  const lead = { shape: x.shape.slice(0, -2), strides: x.strides.slice(0, -2) };
  return factorOf(x, broadcastStrides(lead, batch));
}

// […, m, inner] · […, inner, n] -> […, m, n]
export const matmul: GpuComposite<'matmul'> =
  (runtime) =>
  ([a, b], _, [{ shape }]) => {
    const batch = shape.slice(0, -2);
    const [rows, inner, columns] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
    const long = tooLong(inner);
    if (long) return long;
    const [left, right] = [broadcastFactor(a, batch), broadcastFactor(b, batch)];
    return [multiply(runtime, { operation: 'matmul', batch, rows, inner, columns, left, right })];
  };

// AᵀA:  […, col, row] · […, row, col] -> […, col, col]
export const gram: GpuComposite<'gram'> =
  (runtime) =>
  ([a]) => {
    const [inner, columns] = [a.shape.at(-2)!, a.shape.at(-1)!];
    const long = tooLong(inner);
    if (long) return long;
    const right = factorOf(a);
    const batch = a.shape.slice(0, -2);
    const left = transposed(right);
    return [multiply(runtime, { operation: 'gram', batch, rows: columns, inner, columns, left, right })];
  };

// G − V(VᵀG), the span's coordinates first:  […, rank, row] · […, row, col], then […, row, rank] · […, rank, col];
// on the right G − (G V)Vᵀ:  […, row, col] · […, col, rank], then […, row, rank] · […, rank, col]
export const orthogonalProject: GpuComposite<'orthogonalProject'> =
  (runtime) =>
  ([g, v], { side }) => {
    const operation = 'orthogonalProject';
    const batch = g.shape.slice(0, -2);
    const [rows, columns, rank] = [g.shape.at(-2)!, g.shape.at(-1)!, v.shape.at(-1)!];
    const long = tooLong(Math.max(rows, columns, rank));
    if (long) return long;
    const [base, span] = [factorOf(g), factorOf(v)];
    const onLeft = side === 'left';
    const inSpan = multiply(
      runtime,
      onLeft
        ? { operation, batch, rows: rank, inner: rows, columns, left: transposed(span), right: base }
        : { operation, batch, rows, inner: columns, columns: rank, left: base, right: span },
    );
    const projected = multiply(runtime, {
      ...{ operation, batch, rows, inner: rank, columns },
      left: onLeft ? span : contiguousFactor(inSpan, batch, rows, rank),
      right: onLeft ? contiguousFactor(inSpan, batch, rank, columns) : transposed(span),
      base: { ...base, sign: '-' },
    });
    runtime.free(inSpan);
    return [projected];
  };

// z = x w + b, the bias repeated along the rows:  [row, in] · [in, out] -> [row, out];  y = act(z)
export const linear: GpuComposite<'linear'> =
  (runtime) =>
  ([x, w, b], { activation }, [output]) => {
    const long = tooLong(x.shape[1]);
    if (long) return long;
    const z = multiply(runtime, {
      operation: 'linear',
      batch: [],
      rows: x.shape[0],
      inner: x.shape[1],
      columns: w.shape[1],
      left: factorOf(x),
      right: factorOf(w),
      base: { buffer: b.buffer, offset: b.offset, batch: [], row: 0, column: b.strides[0], sign: '+' },
    });
    return activation === 'none' ? [z] : [activate(runtime, 'linear', activation, z, output), z];
  };
