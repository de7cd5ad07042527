import { describe, expect, it } from 'vitest';
import type { BinaryKind, UnaryKind } from '../../src/backend.ts';
import { erf } from '../cpu/scalar.ts';
import type { GpuBackend } from './index.ts';
import { onEveryMode } from './modes.fixture.ts';
import { polynomials } from './scalar.ts';

/** Distance between two neighbouring Float32 numbers at y. */
const unitAt = (y: number): number => 2 ** (Math.floor(Math.log2(Math.abs(Math.fround(y)))) - 23);

const vector = (backend: GpuBackend, data: Float32Array) =>
  ({
    buffer: backend.upload(data, 'float32'),
    shape: [data.length],
    strides: [1],
    offset: 0,
    dtype: 'float32',
  }) as const;

/** The worst error in units in the last place, of results in the normal range, all of which have to be finite. */
async function worst(
  backend: GpuBackend,
  kind: UnaryKind | BinaryKind,
  args: number[][],
  f: (...x: number[]) => number,
) {
  const data = args.map((of) => Float32Array.from(of));
  const views = data.map((of) => vector(backend, of.slice()));
  const output = [{ shape: [data[0].length], dtype: 'float32' as const }];
  const [result] =
    data.length === 1
      ? backend.kernels.unary(views, { kind: kind as UnaryKind }, output)
      : backend.kernels.binary(views, { kind: kind as BinaryKind }, output);
  const computed = await backend.read(result, 0, data[0].length);
  for (const buffer of [result, ...views.map((view) => view.buffer)]) backend.free(buffer);
  return data[0].reduce((most, _, i) => {
    const exact = f(...data.map((of) => of[i]));
    if (!(Math.abs(exact) >= 2 ** -126 && Math.abs(exact) < 3.4e38)) return most;
    // The smallest normal number is granted for a term that is flushed to 0, as spec/rounding does.
    const units = (Math.abs(computed[i] - exact) - 2 ** -126) / unitAt(exact);
    return Math.max(most, Number.isNaN(units) ? Infinity : units);
  }, 0);
}

const grid = (low: number, high: number, count = 20_000): number[] =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * (i + 0.37)) / count);
/** Both signs, every power of two that Float32 holds, several places within each. */
const scales = [1, 1.1875, 1.40625, 1.59375, 1.984375].flatMap((m) =>
  Array.from({ length: 253 }, (_, e) => m * 2 ** (e - 126)).flatMap((x) => [x, -x]),
);
const positive = scales.filter((x) => x > 0);

onEveryMode((backend) => {
  describe('own functions keep the units in the last place that the backend declares', () => {
    const { ulps } = backend;
    it('exp', async () => {
      expect(await worst(backend, 'exp', [[...grid(-88, 88.7), ...scales]], Math.exp)).toBeLessThanOrEqual(ulps.exp);
    });
    it('log', async () => {
      expect(await worst(backend, 'log', [[...grid(0.3, 3), ...positive]], Math.log)).toBeLessThanOrEqual(ulps.log);
    });
    it('tanh', async () => {
      expect(await worst(backend, 'tanh', [[...grid(-11, 11), ...scales]], Math.tanh)).toBeLessThanOrEqual(ulps.tanh);
    });
    it('erf', async () => {
      expect(await worst(backend, 'erf', [[...grid(-5, 5), ...scales]], erf)).toBeLessThanOrEqual(ulps.erf);
    });
    it('power, of whole and of fractional exponents', async () => {
      const whole = grid(0.01, 12).map((_, i) => (i % 81) - 40);
      for (const b of [whole, grid(-20, 20), grid(-0.5, 0.5)]) {
        const used = await worst(backend, 'power', [grid(0.01, 12), b], Math.pow);
        expect(used).toBeLessThanOrEqual(ulps.power);
      }
      const negative = await worst(backend, 'power', [grid(-3, -0.2), whole], Math.pow);
      expect(negative).toBeLessThanOrEqual(ulps.power);
    });
    it('divide and sqrt', async () => {
      expect(await worst(backend, 'divide', [grid(-9, 9), grid(0.1, 7)], (a, b) => a / b)).toBeLessThanOrEqual(
        ulps.divide,
      );
      expect(await worst(backend, 'sqrt', [positive], Math.sqrt)).toBeLessThanOrEqual(ulps.sqrt);
    });
  });
});

describe('the polynomials are as far off as their comments say', () => {
  const value = (c: readonly number[], t: number): number => c.reduceRight((sum, a) => sum * t + a, 0);
  const off = (c: readonly number[], low: number, high: number, f: (t: number) => number): number =>
    Math.max(...grid(low, high, 2000).map((t) => Math.abs(value(c, t) - f(t))));

  it('ln', () => {
    // Σ (−f)ⁿ/(n + 3), to 60 terms
    const rest = (f: number) => Array.from({ length: 60 }, (_, n) => (-f) ** n / (n + 3)).reduceRight((a, b) => a + b);
    expect(off(polynomials.log, Math.SQRT1_2 - 1, Math.SQRT2 - 1, rest)).toBeLessThan(3.1e-8);
  });
  it('tanh', () => {
    const rest = (z: number) => (Math.tanh(Math.sqrt(z)) / Math.sqrt(z) - 1) / z;
    expect(off(polynomials.tanh, 0.001, 0.4, rest)).toBeLessThan(3e-9);
  });
  it('erf', () => {
    expect(off(polynomials.erf, 0, 1, (z) => erf(Math.sqrt(z)) / Math.sqrt(z) - 1)).toBeLessThan(4e-10);
    for (const [c, centre] of [
      [polynomials.erfc1, 1.5],
      [polynomials.erfc2, 2.5],
      [polynomials.erfc3, 3.5],
    ] as const)
      expect(off(c, -0.5, 0.5, (t) => 1 - erf(centre + t))).toBeLessThan(3e-10);
  });
});
