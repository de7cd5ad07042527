import { type Any, array, indices, type Real, sameShape, toFlat } from '../../spec/array.ts';
import type { HostArray } from '../../src/backend.ts';
import { formatShape, formatSpec } from '../../src/shape.ts';
import type { Tensor } from '../../src/tensor.ts';
import { shareOfBound } from './within.ts';

/** Comparing tensors: with a definition within a bound, or with each other bit for bit. */

/** One line a tensor: spec, strides, offset, and the values where they are few. */
export async function describeInputs(inputs: Readonly<Record<string, Tensor>>): Promise<string> {
  const lines = await Promise.all(
    Object.entries(inputs).map(async ([name, x]) => {
      const strides = x.view ? ` strides ${formatShape(x.view.strides)} offset ${x.view.offset}` : '';
      const values = x.size <= 40 ? ` = ${Array.from(await x.data()).join(', ')}` : '';
      return `  ${name}: ${formatSpec(x)}${strides}${values}`;
    }),
  );
  return lines.join('\n');
}

const indexAt = (shape: readonly number[], flat: number): string => {
  let i = 0;
  for (const index of indices(shape)) if (i++ === flat) return formatShape(index);
  return `${flat}`;
};

const same = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));

/**
 * Holds each element to |computed − exact| ≤ bound (null: 0). An infinity or NaN has to be met exactly.
 * @param among where given, only the elements at which it is finite are compared
 * @returns max(error/bound), and a line about the worst element where that is above 1
 * @throws UsageError, of `what`, for a bound that is negative or NaN
 */
export function worstElement(
  computed: ArrayLike<number>,
  exact: Any,
  bound: Real | null,
  { among, what = 'worstElement' }: { readonly among?: Any; readonly what?: string } = {},
): { readonly ratio: number; readonly message: string | null } {
  const [values, bounds] = [toFlat(exact), bound && toFlat(bound)];
  const compared = among && toFlat(among);
  let [ratio, worst] = [0, -1];
  for (let i = 0; i < values.length; i++) {
    const met = same(computed[i], values[i]);
    // The bound is looked at where it is not needed too; beside an infinity or NaN it means nothing.
    if (met && !Number.isFinite(values[i])) continue;
    if (compared && !Number.isFinite(compared[i])) continue;
    const used = shareOfBound(met ? 0 : Math.abs(computed[i] - values[i]), bounds ? bounds[i] : 0, what);
    if (used > ratio) [ratio, worst] = [used, i];
  }
  if (ratio <= 1) return { ratio, message: null };
  const place = `${indexAt(exact.shape, worst)} is ${computed[worst]}, but should be ${values[worst]}`;
  return { ratio, message: `${place} within ${bounds ? bounds[worst] : 0} (off by ${ratio.toPrecision(3)} bounds)` };
}

/** Numbers that should be closer to each other. */
export class NotClose extends Error {
  override readonly name = 'NotClose';
}

/**
 * |actual − expected| ≤ bound, element by element; a NaN or infinity has to be met exactly.
 * @param bound one number, or one for each element
 * @returns max(error/bound), so that a bound that is never approached shows
 * @throws NotClose with the worst index, both values and the bound · UsageError for a bound that is negative or NaN
 */
export function expectClose(
  actual: ArrayLike<number> | Real,
  expected: ArrayLike<number> | Real,
  bound: number | ArrayLike<number> | Real,
  what = 'expectClose',
): number {
  const flat = (x: ArrayLike<number> | Real): ArrayLike<number> => ('shape' in x ? toFlat(x) : x);
  const shape = 'shape' in expected ? expected.shape : 'shape' in actual ? actual.shape : undefined;
  const [left, right] = [flat(actual), flat(expected)];
  if (left.length !== right.length)
    throw new NotClose(`${what}: ${left.length} elements, but should be ${right.length}`);
  const allowed = typeof bound === 'number' ? new Array<number>(right.length).fill(bound) : flat(bound);
  const { ratio, message } = worstElement(left, array(right, shape), array(allowed, shape), { what });
  if (message) throw new NotClose(`${what}: ${message}`);
  return ratio;
}

/** A line about what is wrong with the shape or dtype, or null. Real arrays are of the working precision, or of `floats`. */
export function specMismatch(computed: Tensor, exact: Any, floats: string): string | null {
  const dtype = exact.data instanceof Float64Array ? floats : exact.data instanceof Int32Array ? 'int32' : 'bool';
  if (computed.dtype === dtype && sameShape(computed.shape, exact.shape)) return null;
  return `is ${formatSpec(computed)}, but should be ${dtype}${formatShape(exact.shape)}`;
}

/** A line about the first element that differs in its bits, or null. NaNs count as one, 0 and −0 as two. */
export function firstDifference(a: HostArray, b: HostArray, shape: readonly number[]): string | null {
  if (a.length !== b.length) return `${a.length} elements against ${b.length}`;
  for (let i = 0; i < a.length; i++)
    if (!Object.is(a[i], b[i])) return `${indexAt(shape, i)} is ${a[i]} against ${b[i]}, not the same bits`;
  return null;
}
