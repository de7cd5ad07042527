import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import {
  broadcastShapes,
  canBroadcast,
  formatShape,
  formatSpecs,
  requireDType,
  requireFloat,
  requireOneDType,
  sizeOf,
} from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** Contractions over one inner axis, plain and batched. */

/** Temporaries of the compositions below stay under this many elements. */
const blockElements = 2 ** 20;

/** [m, inner] · [inner, n] -> [m, n], with broadcast batch axes in front. */
export const matmul: Op = {
  name: 'matmul',
  kind: 'composite',
  infer([a, b]) {
    requireFloat('matmul', a);
    requireOneDType('matmul', [a, b]);
    const [ra, rb] = [a.shape.length, b.shape.length];
    if (ra < 2 || rb < 2 || a.shape[ra - 1] !== b.shape[rb - 2])
      throw new ShapeError({
        operation: 'matmul',
        received: formatSpecs([a, b]),
        expected: '[…, m, inner] and […, inner, n]',
        advice:
          ra >= 2 && rb >= 2
            ? `The inner sizes are ${a.shape[ra - 1]} and ${b.shape[rb - 2]}.`
            : 'Give both a rank of at least 2.',
      });
    const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
    if (!canBroadcast(batchA, batchB))
      throw new ShapeError({
        operation: 'matmul',
        received: formatSpecs([a, b]),
        expected: 'batch axes that broadcast: from the right, sizes equal or one of them 1',
        advice: `The batch axes are ${formatShape(batchA)} and ${formatShape(batchB)}.`,
      });
    const batch = broadcastShapes('matmul', batchA, batchB);
    return [{ shape: [...batch, a.shape[ra - 2], b.shape[rb - 1]], dtype: a.dtype }];
  },
  // Σ over blocks of the inner axis of (a[…, m, block, 1] · b[…, 1, block, n]) summed over the block.
  compose([a, b]) {
    const [m, inner, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
    const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
    const block = Math.max(1, Math.floor(blockElements / Math.max(1, sizeOf(batch) * m * n)));
    let sum = a.engine.zeros([...batch, m, n], a.dtype);
    for (let start = 0; start < inner; start += block) {
      const left = a.slice([start, start + block], -1).expandDims(-1); // [m, block, 1]
      const right = b.slice([start, start + block], -2).expandDims(-3); // [1, block, n]
      sum = sum.add(left.multiply(right).sum([-2]));
    }
    return [sum];
  },
  // y = a b:  ∂a = g bᵀ,  ∂b = aᵀ g, each summed over the batch axes it was repeated along
  vjp: ({ inputs: [a, b], gradients: [g] }) => [
    sumToBatch(g.matmul(b.transpose()), a), // [m, n] · [n, inner] -> [m, inner]
    sumToBatch(a.transpose().matmul(g), b), // [inner, m] · [m, n] -> [inner, n]
  ],
};

function sumToBatch(gradient: Tensor, input: Tensor): Tensor {
  const lead = gradient.shape.length - input.shape.length;
  const repeated = gradient.shape.flatMap((size, axis) =>
    axis < gradient.shape.length - 2 && (axis < lead || input.shape[axis - lead] !== size) ? [axis] : [],
  );
  return (repeated.length > 0 ? gradient.sum(repeated) : gradient).reshape(input.shape);
}

/** @throws ShapeError for anything but int32 [experts + 1] */
export function requireOffsets(
  operation: string,
  offsets: { shape: readonly number[]; dtype: string },
  received: string,
): void {
  if (offsets.dtype !== 'int32' || offsets.shape.length !== 1 || offsets.shape[0] < 1)
    throw new ShapeError({ operation, received, expected: 'offsets int32[experts + 1]' });
}

/**
 * Rows sorted by expert, each multiplied by its own expert's matrix, without padding:
 * x [row, in], w [expert, in, out], offsets [expert + 1] -> [row, out]; y_r = x_r W_e for offsets[e] ≤ r < offsets[e + 1].
 * Rows from offsets[experts] on belong to no expert and give 0. Offsets are data: they start at 0 and never fall.
 */
export const groupedMatmul: Op = {
  name: 'groupedMatmul',
  kind: 'composite',
  infer([x, w, offsets]) {
    requireFloat('groupedMatmul', x);
    requireOneDType('groupedMatmul', [x, w]);
    const received = formatSpecs([x, w, offsets]);
    if (x.shape.length !== 2 || w.shape.length !== 3 || x.shape[1] !== w.shape[1])
      throw new ShapeError({
        operation: 'groupedMatmul',
        received,
        expected: 'x [row, in] and w [expert, in, out]',
      });
    requireOffsets('groupedMatmul', offsets, received);
    if (offsets.shape[0] !== w.shape[0] + 1)
      throw new ShapeError({ operation: 'groupedMatmul', received, expected: `offsets int32[${w.shape[0] + 1}]` });
    return [{ shape: [x.shape[0], w.shape[2]], dtype: x.dtype }];
  },
  // A block of rows fetches each row's matrix: work is rows · in · out, whatever the number of experts.
  compose([x, w, offsets]) {
    const [rows, [experts, input, output]] = [x.shape[0], w.shape];
    if (rows === 0 || experts === 0) return [x.engine.zeros([rows, output], x.dtype)];
    const block = Math.max(1, Math.floor(blockElements / Math.max(1, input * output)));
    const { owner, owned } = ownerOfRows(offsets, rows, experts);
    const parts: Tensor[] = [];
    for (let start = 0; start < rows; start += block) {
      const range = [start, start + block] as const;
      const matrices = w.gather(owner.slice(range, 0), 0); // [row, in, out]
      const y = x.slice(range, 0).expandDims(1).matmul(matrices).squeeze(1); // [row, 1, in] · [row, in, out] -> [row, out]
      parts.push(owned.slice(range, 0).expandDims(1).where(y, 0));
    }
    return [x.engine.concat(parts, 0)];
  },
  vjp: ({ inputs: [x, w, offsets], gradients: [g] }) => [
    g.groupedMatmul(w.transpose(), offsets), // [row, out] · [expert, out, in] -> [row, in]
    x.groupedOuter(g, offsets), // Σ_row [in] ⊗ [out] -> [expert, in, out]
    null,
  ],
};

/**
 * The weight gradient of `groupedMatmul`: x [row, in], g [row, out], offsets [expert + 1] -> [expert, in, out],
 * Σ over the rows of each expert of x_r ⊗ g_r; zero for an expert without rows.
 */
export const groupedOuter: Op = {
  name: 'groupedOuter',
  kind: 'composite',
  infer([x, g, offsets]) {
    requireFloat('groupedOuter', x);
    requireOneDType('groupedOuter', [x, g]);
    const received = formatSpecs([x, g, offsets]);
    if (x.shape.length !== 2 || g.shape.length !== 2 || x.shape[0] !== g.shape[0])
      throw new ShapeError({
        operation: 'groupedOuter',
        received,
        expected: 'x [row, in] and g [row, out]',
      });
    requireOffsets('groupedOuter', offsets, received);
    return [{ shape: [offsets.shape[0] - 1, x.shape[1], g.shape[1]], dtype: x.dtype }];
  },
  compose([x, g, offsets]) {
    const [rows, input, output, experts] = [x.shape[0], x.shape[1], g.shape[1], offsets.shape[0] - 1];
    let sum = x.engine.zeros([experts, input, output], x.dtype);
    if (rows === 0 || experts === 0) return [sum];
    requireDType('groupedOuter', 'offsets', offsets, 'int32');
    const block = Math.max(1, Math.floor(blockElements / Math.max(1, input * output)));
    const { owner, owned } = ownerOfRows(offsets, rows, experts);
    for (let start = 0; start < rows; start += block) {
      const range = [start, start + block] as const;
      // Both sides, as 0 times a NaN in a row of nobody would be NaN.
      const [left, right] = [x, g].map((y) => owned.slice(range, 0).expandDims(1).where(y.slice(range, 0), 0));
      const outer = left.expandDims(2).multiply(right.expandDims(1)); // [row, in, 1] · [row, 1, out]
      sum = sum.scatterAdd(owner.slice(range, 0), outer, 0);
    }
    return [sum];
  },
  vjp: ({ inputs: [x, g, offsets], gradients: [c] }) => [
    g.groupedMatmul(c.transpose(), offsets), // [row, out] · [expert, out, in] -> [row, in]
    x.groupedMatmul(c, offsets), // [row, in] · [expert, in, out] -> [row, out]
    null,
  ],
};

/**
 * The offsets as they are, if they begin at 0, never fall and stay within the rows. Compositions have no other way to refuse
 * data than an index out of range: an offset that is out of order becomes −1, and `gather` names its position.
 */
function inOrder(offsets: Tensor, rows: number): Tensor {
  const t = offsets.engine;
  const before = t.concat([t.zeros([1], 'int32'), offsets.slice([0, -1], 0)], 0);
  const highest = t.concat([t.zeros([1], 'int32'), t.full([offsets.shape[0] - 1], rows, 'int32')], 0);
  const misplaced = offsets.less(before).logicalOr(offsets.greater(highest));
  return t.arange(rows + 1).gather(misplaced.where(-1, offsets), 0);
}

/** For each row its expert (the last one where nobody owns it) and whether anybody does. */
export function ownerOfRows(offsets: Tensor, rows: number, experts: number): { owner: Tensor; owned: Tensor } {
  const ends = inOrder(offsets, rows)
    .slice([1, experts + 1], 0)
    .reshape([1, experts]);
  const row = offsets.engine.arange(rows).reshape([rows, 1]);
  const passed = row.greaterEqual(ends).astype('int32').sum([1]); // how many experts' ranges end at or before the row
  return { owner: passed.minimum(experts - 1), owned: passed.less(experts) };
}
