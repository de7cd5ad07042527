import type { DType } from './backend.ts';
import { DTypeError, ShapeError, UsageError } from './errors.ts';
import { formatShape, formatSpec, sameShape } from './shape.ts';
import { Tensor } from './tensor.ts';

/** Checks of what a caller handed over, for the engine and the layers: JavaScript callers have no compiler to warn them. */

/** A value as an error message shows it. */
export function describe(value: unknown): string {
  if (value instanceof Tensor) return formatSpec(value);
  if (value === undefined || value === null) return String(value);
  if (value instanceof Promise) return 'a promise';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return `the string '${value}'`;
  if (typeof value === 'number' || typeof value === 'boolean') return `the ${typeof value} ${value}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** @throws UsageError for anything but a tensor */
export function requireTensor(operation: string, what: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor))
    throw new UsageError({
      operation,
      received: what === '' ? describe(value) : `${describe(value)} as ${what}`,
      expected: 'a tensor',
      advice: 'Make one with tensor(…) of the engine.',
    });
}

/** @throws UsageError for anything but a function */
export function requireFunction(operation: string, value: unknown): void {
  if (typeof value !== 'function')
    throw new UsageError({ operation, received: describe(value), expected: 'a function of tensors' });
}

/** @throws UsageError for anything but a list of tensors */
export function requireTensors(operation: string, values: unknown): asserts values is readonly Tensor[] {
  if (!Array.isArray(values))
    throw new UsageError({ operation, received: describe(values), expected: 'an array of tensors' });
  for (const value of values) requireTensor(operation, '', value);
}

/**
 * A tensor of this very dtype and shape. `legend` names the axes, e.g. `[expert, hidden]`.
 * @throws UsageError, DTypeError or ShapeError, naming the tensor
 */
export function requireSpec(
  operation: string,
  what: string,
  value: unknown,
  dtype: DType,
  shape: readonly number[],
  legend: string,
): void {
  requireTensor(operation, what, value);
  if (value.dtype === dtype && sameShape(value.shape, shape)) return;
  const complaint = {
    operation,
    received: `${what} ${formatSpec(value)}`,
    expected: `${dtype}${formatShape(shape)} for ${legend}`,
  };
  if (value.dtype === dtype) throw new ShapeError(complaint);
  throw new DTypeError({ ...complaint, advice: `Convert with .astype('${dtype}').` });
}

/** Options that cannot be left out. @throws UsageError */
export function requireOptions(operation: string, options: unknown, example: string): void {
  if (typeof options !== 'object' || options === null)
    throw new UsageError({
      operation,
      received: `${describe(options)} as options`,
      expected: `an object of options such as ${example}`,
    });
}

/** Sizes and counts, each a whole number of at least 1. @throws UsageError naming the first that is not */
export function requireCounts(operation: string, counts: Readonly<Record<string, unknown>>): void {
  for (const [name, count] of Object.entries(counts))
    if (!Number.isInteger(count) || (count as number) < 1)
      throw new UsageError({
        operation,
        received: `${name} ${typeof count === 'number' ? count : describe(count)}`,
        expected: 'a whole number of at least 1',
      });
}
