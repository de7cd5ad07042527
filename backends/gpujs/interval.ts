import type { BinaryKind, UnaryKind } from '../../src/backend.ts';
import type { Interval } from './buffer.ts';

/**
 * What the host knows of whole numbers on the device: they lie in an interval. Where that proves an index to be in range, no
 * kernel has to look. `null`: nothing is known.
 */

export const union = (a: Interval | null, b: Interval | null): Interval | null =>
  a && b ? [Math.min(a[0], b[0]), Math.max(a[1], b[1])] : null;

export function intervalOfUnary(kind: UnaryKind, x: Interval | null): Interval | null {
  if (kind === 'sign') return [-1, 1];
  if (!x) return null;
  const [low, high] = x;
  const largest = Math.max(Math.abs(low), Math.abs(high));
  if (kind === 'negative') return [-high, -low];
  if (kind === 'abs') return [0, largest];
  return kind === 'square' ? [0, largest * largest] : null;
}

export function intervalOfBinary(kind: BinaryKind, a: Interval | null, b: Interval | null): Interval | null {
  if (!a || !b) return null;
  if (kind === 'add') return [a[0] + b[0], a[1] + b[1]];
  if (kind === 'subtract') return [a[0] - b[1], a[1] - b[0]];
  if (kind === 'maximum') return [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  if (kind === 'minimum') return [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  if (kind !== 'multiply') return null;
  const corners = [a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]];
  return [Math.min(...corners), Math.max(...corners)];
}

/** Of a sum of `count` elements. */
export const intervalOfSum = (x: Interval | null, count: number): Interval | null =>
  x && [Math.min(0, x[0] * count), Math.max(0, x[1] * count)];

export const isWithin = (x: Interval | null, low: number, high: number): boolean =>
  x !== null && x[0] >= low && x[1] <= high;
