import { afterAll, describe, expect, it } from 'vitest';
import type { BinaryKind, UnaryKind } from '../../src/backend.ts';
import { erf } from '../cpu/scalar.ts';
import { wasm } from './index.ts';

const backend = await wasm({ simd: 'plain', threads: 1 });
afterAll(() => backend.dispose());

/** Distance between two neighbouring Float32 numbers at y. */
const unitAt = (y: number): number => 2 ** (Math.floor(Math.log2(Math.abs(y))) - 23);

function compute(kind: UnaryKind | BinaryKind, ...args: readonly Float32Array[]): Float32Array {
  const shape = [args[0].length];
  const views = args.map((data) => ({
    buffer: backend.upload(data, 'float32'),
    ...{ shape, strides: [1], offset: 0, dtype: 'float32' as const },
  }));
  const output = [{ shape, dtype: 'float32' as const }];
  const [result] =
    views.length === 1
      ? backend.kernels.unary(views, { kind: kind as UnaryKind }, output)
      : backend.kernels.binary(views, { kind: kind as BinaryKind }, output);
  const computed = backend.readSync(result, 0, shape[0]) as Float32Array;
  for (const { buffer } of views) backend.free(buffer);
  backend.free(result);
  return computed;
}

/** The worst error in units in the last place, of results in the normal range of Float32. */
function worst(kind: UnaryKind | BinaryKind, f: (...x: number[]) => number, ...args: number[][]): number {
  const data = args.map((of) => Float32Array.from(of));
  return compute(kind, ...data).reduce((most, y, i) => {
    const exact = f(...data.map((of) => of[i]));
    if (!(Math.abs(exact) >= 2 ** -126 && Math.abs(exact) < 3.4e38)) return most;
    const units = Math.abs(y - exact) / unitAt(exact);
    return Math.max(most, Number.isNaN(units) ? Infinity : units);
  }, 0);
}

const grid = (low: number, high: number, count = 50_000): number[] =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * (i + 0.37)) / count);
/** Both signs, every power of two that Float32 holds, several places within each. */
const scales = [1, 1.1875, 1.40625, 1.59375, 1.984375].flatMap((m) =>
  Array.from({ length: 253 }, (_, e) => m * 2 ** (e - 126)).flatMap((x) => [x, -x]),
);
const positive = scales.filter((x) => x > 0);

describe('functions in Float32 keep the units in the last place that the backend declares', () => {
  const { ulps } = backend;
  it('exp', () => {
    expect(worst('exp', Math.exp, [...grid(-88, 88.7), ...grid(-1, 1), ...scales])).toBeLessThanOrEqual(ulps.exp);
  });
  it('log, near 1 too, where it is small', () => {
    expect(worst('log', Math.log, [...grid(0.3, 3), ...grid(0.99, 1.01), ...positive])).toBeLessThanOrEqual(ulps.log);
  });
  it('tanh', () => {
    expect(worst('tanh', Math.tanh, [...grid(-11, 11), ...grid(-1, 1), ...scales])).toBeLessThanOrEqual(ulps.tanh);
  });
  it('erf', () => {
    expect(worst('erf', erf, [...grid(-5, 5), ...grid(0.9, 1.1), ...scales])).toBeLessThanOrEqual(ulps.erf);
  });
  it('power', () => {
    const whole = grid(0, 1).map((_, i) => (i % 81) - 40);
    const fractional = whole.map((_, i) => ((i * 7919) % 5000) / 250 - 10);
    expect(worst('power', Math.pow, grid(-3, -0.2), whole)).toBeLessThanOrEqual(ulps.power);
    expect(worst('power', Math.pow, grid(0.01, 12), fractional)).toBeLessThanOrEqual(ulps.power);
  });
});

it('exp reaches the subnormal numbers and both ends, and log comes back from them', () => {
  const y = compute('exp', Float32Array.of(-87.5, -103, -104, 88.72, 88.73));
  const exact = [-87.5, -103, -104, 88.72, 88.73].map(Math.exp);
  for (const i of [0, 1]) expect(Math.abs(y[i] - exact[i])).toBeLessThanOrEqual(2 ** -148);
  expect([y[2], y[4]]).toEqual([0, Infinity]);
  expect(y[3]).toBeGreaterThan(3.3e38);
  expect(compute('log', Float32Array.of(2 ** -149, 2 ** -126))[0]).toBeCloseTo(-149 * Math.LN2, 5);
});
