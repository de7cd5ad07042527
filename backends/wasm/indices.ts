import { OmoeError } from '../../src/errors.ts';
import type { Runtime, WasmView } from './runtime.ts';

/** Indices are data: what no shape check can see is checked here, before anything is read or written. */

/**
 * The int32 view as kernels read it, row-major, each index in [0, size).
 * @throws OmoeError with the first position and index that is not
 */
export function requireIndex(
  runtime: Runtime,
  operation: string,
  view: WasmView,
  size: number,
  what = 'index',
): WasmView {
  const indices = runtime.contiguous(view);
  const numbers = runtime.integers(indices);
  for (let i = 0; i < numbers.length; i++)
    if (numbers[i] < 0 || numbers[i] >= size)
      throw new OmoeError({
        operation,
        received: `${what} ${numbers[i]} at position ${i}`,
        expected: size === 0 ? 'none at all, as that axis is empty' : `from 0 to ${size - 1}`,
      });
  return indices;
}

/**
 * Offsets [expert + 1] that cut `rows` rows into one range an expert, as the host's own copy.
 * @throws OmoeError unless 0 = o₀ ≤ o₁ ≤ … ≤ rows
 */
export function requireOffsets(runtime: Runtime, operation: string, view: WasmView, rows: number): Int32Array {
  const offsets = runtime.integers(runtime.contiguous(view)).slice();
  offsets.forEach((offset, i) => {
    const [low, high] = i === 0 ? [0, 0] : [offsets[i - 1], rows];
    if (offset < low || offset > high)
      throw new OmoeError({
        operation,
        received: `offset ${offset} at position ${i}`,
        expected: low === high ? `${low}` : `from ${low} to ${high}`,
        advice: 'Offsets begin at 0, never fall, and end at or before the number of rows.',
      });
  });
  return offsets;
}
