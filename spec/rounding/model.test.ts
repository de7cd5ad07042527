import { describe, expect, it } from 'vitest';
import { array, toFlat } from '../array.ts';
import { binaryFunctions, unaryFunctions } from '../ops/elementwise.ts';
import { binaryBound, unaryBound } from './functions.ts';
import { REFERENCE_ULPS, tolerance, UNIT_ROUNDOFF } from './model.ts';
import { precise } from './precise-values.fixture.ts';

const u = UNIT_ROUNDOFF.float64;
const correctlyRounded = { exp: 0.5, log: 0.5, tanh: 0.5, erf: 0.5, power: 0.5, divide: 0.5, sqrt: 0.5 };

interface Known {
  readonly x: readonly number[];
  readonly high: number;
  readonly low: number;
}
const known = (name: keyof typeof precise): Known[] =>
  precise[name].map((row) => ({ x: row.slice(0, -2), high: row.at(-2)!, low: row.at(-1)! }));
const definition = (name: keyof typeof precise, x: readonly number[]): number =>
  name === 'power' ? binaryFunctions.power(x[0], x[1]) : unaryFunctions[name](x[0]);
const boundOf = (name: keyof typeof precise, x: readonly number[]) => {
  const [a, b] = x.map((value) => array([value]));
  return (roundoff: number, ulps: typeof REFERENCE_ULPS) =>
    name === 'power' ? binaryBound(name, a, b, roundoff, ulps) : unaryBound(name, a, roundoff, ulps);
};

describe('what is granted to the definitions themselves', () => {
  for (const name of ['exp', 'log', 'tanh', 'erf', 'power'] as const) {
    it(`${name} is off by no more than its units, as measured on values of twice the precision`, () => {
      expect(known(name).length).toBeGreaterThanOrEqual(9);
      for (const { x, high, low } of known(name)) {
        // The difference to the nearest Float64 is exact (Sterbenz), so what is measured carries two roundings of its own size.
        const off = Math.abs(definition(name, x) - high - low);
        const units = off / (2 * u * Math.abs(high));
        expect(units, `${name}(${x}), off by ${units} units`).toBeLessThanOrEqual(REFERENCE_ULPS[name]);
      }
    });
    it(`a backend whose ${name} is rounded correctly and declared so is not refused`, () => {
      for (const { x, high } of known(name)) {
        const [allowed] = toFlat(tolerance(boundOf(name, x), u, correctlyRounded));
        expect(Math.abs(definition(name, x) - high), `${name}(${x})`).toBeLessThanOrEqual(allowed);
      }
    });
  }
});
