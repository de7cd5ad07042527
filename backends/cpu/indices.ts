import { OmoeError } from '../../src/errors.ts';
import { sizeOf } from '../../src/shape.ts';
import type { HostView } from './kernel.ts';

/** Indices are data: what no shape check can see is checked here, before anything is read or written. */

/** The elements of a 1-D int32 view, each in [0, size). @throws OmoeError with the first position and index that is not */
export function requireIndex(operation: string, view: HostView, size: number, what = 'index'): Int32Array {
  const index = new Int32Array(sizeOf(view.shape));
  for (let i = 0, p = view.offset; i < index.length; i++, p += view.strides[0]) {
    index[i] = view.buffer[p];
    if (index[i] < 0 || index[i] >= size)
      throw new OmoeError({
        operation,
        received: `${what} ${index[i]} at position ${i}`,
        expected: size === 0 ? 'none at all, as that axis is empty' : `from 0 to ${size - 1}`,
      });
  }
  return index;
}

/** Offsets [expert + 1] that cut `rows` rows into one range an expert. @throws OmoeError unless 0 = o₀ ≤ o₁ ≤ … ≤ rows */
export function requireOffsets(operation: string, view: HostView, rows: number): Int32Array {
  const offsets = new Int32Array(view.shape[0]);
  for (let i = 0, p = view.offset; i < offsets.length; i++, p += view.strides[0]) {
    offsets[i] = view.buffer[p];
    const [low, high] = i === 0 ? [0, 0] : [offsets[i - 1], rows];
    if (offsets[i] < low || offsets[i] > high)
      throw new OmoeError({
        operation,
        received: `offset ${offsets[i]} at position ${i}`,
        expected: low === high ? `${low}` : `from ${low} to ${high}`,
        advice: 'Offsets begin at 0, never fall, and end at or before the number of rows.',
      });
  }
  return offsets;
}
