import { ShapeError } from '../errors.ts';
import { formatSpec } from '../shape.ts';
import type { HeadKind } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import type { TaskTensors } from './upload.ts';

/** In place of the logits of padding: exp of it is 0 beside any logit, and it is far from overflowing Float32. */
const never = -1e30;

/**
 * The loss of a head, a mean over what the batch scores:
 *
 *   classify, choose  mean cross entropy of [example, class or choice]
 *   regress           mean square of the difference of [example, 1] to the value
 *   tag               mean cross entropy over scored tokens of [example, position, class]; 0 where none is scored
 *   span              mean of the cross entropies of start and end of [example, 2, position] over real tokens
 *
 * @throws ShapeError for logits of another layout
 */
export function headLoss(head: HeadKind, logits: Tensor, batch: TaskTensors): Tensor {
  const { size, length } = batch;
  switch (head) {
    case 'classify':
    case 'choose':
      requireLayout(head, logits, [size, null]);
      return logits.crossEntropy(batch.labels).mean();
    case 'regress':
      requireLayout(head, logits, [size, 1]);
      return logits.squeeze(1).subtract(batch.values!).square().mean();
    case 'tag': {
      requireLayout(head, logits, [size, length, null]);
      const classes = logits.shape[2];
      const losses = logits.reshape([size * length, classes]).crossEntropy(batch.tags!.reshape([size * length]));
      const scored = batch.tagged!.reshape([size * length]);
      return scored.where(losses, 0).sum().divide(scored.astype(losses.dtype).sum().maximum(1));
    }
    case 'span': {
      requireLayout(head, logits, [size, 2, length]);
      const real = batch.mask.expandDims(1).broadcastTo(logits.shape);
      const rows = real.where(logits, never).reshape([2 * size, length]);
      return rows.crossEntropy(batch.answers!.reshape([2 * size])).mean();
    }
  }
}

function requireLayout(head: HeadKind, logits: Tensor, shape: readonly (number | null)[]): void {
  const fits =
    logits.rank === shape.length && shape.every((size, axis) => size === null || size === logits.shape[axis]);
  if (fits) return;
  const expected = `[${shape.map((size) => size ?? 'class').join(', ')}]`;
  throw new ShapeError({ operation: `loss of ${head}`, received: formatSpec(logits), expected });
}
