import { type Case, dimensions, type Size } from './case.ts';
import { type DeviceName, mostFlops } from './devices.ts';
import { shuffled } from './sample.ts';

/** One case at one size on one device. */
export interface Item {
  readonly of: Case;
  readonly size: Size;
  readonly device: DeviceName;
}

export interface Chosen {
  readonly cases: readonly Case[];
  /** Null: each case's own. */
  readonly sizes: readonly Size[] | null;
  /** Each case at a size that takes no time. */
  readonly quick: boolean;
  readonly seed: number;
}

/** What is to be run in the order that the seed gives, and what is left out because it would take too long where it runs. */
export function workOf({ cases, sizes, quick, seed }: Chosen, devices: readonly DeviceName[]) {
  const items = cases.flatMap((of) =>
    sizesOf(of, sizes, quick).flatMap((size) => devices.map((device) => ({ of, size, device }))),
  );
  const tooLong = ({ of, size, device }: Item): boolean =>
    sizes === null && (of.flops?.(size) ?? 0) > (mostFlops(device) ?? Number.POSITIVE_INFINITY);
  const runnable = items.filter((item) => !tooLong(item));
  return {
    items: shuffled(runnable.length, seed, 'cases').map((i) => runnable[i]),
    leftOut: items.filter(tooLong),
  };
}

/** Sizes that are named go to the cases whose own are of as many numbers. */
function sizesOf(of: Case, named: readonly Size[] | null, quick: boolean): readonly Size[] {
  if (named === null) return quick ? [of.quick] : of.sizes;
  const counts = new Set([of.quick, ...of.sizes].map((size) => dimensions(size).length));
  return named.filter((size) => counts.has(dimensions(size).length));
}
