import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { array, intArray, lane, toFlat } from './array.ts';
import { unary, unaryFunctions } from './ops/elementwise.ts';
import * as ops from './ops/index.ts';
import {
  add,
  check,
  div,
  erf,
  exp,
  f,
  hold,
  log,
  matrix,
  moderate,
  mul,
  number,
  onePlusHalf,
  order,
  product32,
  reportShares,
  rowsOf,
  seen,
  sqrt,
  sub,
  U,
  ULPS,
} from './rounding.fixture.ts';
import * as rounding from './rounding.ts';

// Everything below is evaluated in Float32, one rounding at a time, and held to the bound for Float32.
afterAll(reportShares);

describe('the layers', () => {
  it('linear maps with an activation', () => {
    const inputs = fc.tuple(matrix(number, 3, 4), matrix(number, 4, 2), matrix(number, 1, 2));
    const gelu = (x: number) => onePlusHalf(x, erf(mul(x, f(Math.SQRT1_2))));
    check(
      fc.property(inputs, order, ([x, w, b], total) => {
        const offsets = intArray([0, 2]);
        const [weights, biases] = [array(toFlat(w), [1, ...w.shape]), array(toFlat(b), [1, 2])];
        const product = product32(rowsOf(x), rowsOf(w), total);
        const z = product.flatMap((row, r) => row.map((value, j) => (r < 2 ? add(value, toFlat(b)[j]) : 0)));
        const exact = ops.groupedLinear(x, weights, biases, offsets);
        const Z = rounding.groupedLinearBound(x, weights, biases, offsets, U);
        hold('groupedLinear', z, exact, Z);
        for (const [name, act] of [
          ['relu', (v: number) => Math.max(v, 0)],
          ['gelu', gelu],
        ] as const) {
          const [y] = ops.activated(exact, name);
          hold(`${name} of it`, z.map(act), y, rounding.activatedBound(name, exact, Z, U, ULPS));
        }
      }),
    );
  });

  it('no activation is steeper than the bound takes it for', () => {
    for (const name of ['relu', 'gelu', 'geluTanh', 'silu'] as const)
      for (let x = -8; x <= 8; x += 2 ** -7) {
        const slope = (unaryFunctions[name](x + 2 ** -16) - unaryFunctions[name](x - 2 ** -16)) * 2 ** 15;
        expect(Math.abs(slope), `${name} at ${x}`).toBeLessThan(1.1292);
      }
  });

  it('gates, and the combination of rows', () => {
    const inputs = fc.tuple(
      matrix(fc.oneof(moderate, number), 2, 4),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      order,
    );
    check(
      fc.property(inputs, ([logits, k, renormalize, total]) => {
        const { gates, chosen } = ops.slotGates(logits, k, renormalize);
        const bound = rounding.slotGatesBound(logits, k, renormalize, U, ULPS);
        const ways = rowsOf(logits).map((row, t) => {
          const e = row.map((value) => exp(sub(value, Math.max(...row))));
          const kept = lane(chosen, 1, [t, 0]);
          const p = e.map((value) => div(value, total(e)));
          const lse = add(Math.max(...row), log(total(e)));
          const [share, all] = [total(kept.map((i) => e[i])), total(kept.map((i) => p[i]))];
          return kept.map((i) => (renormalize ? [div(e[i], share), div(p[i], all)] : [p[i], exp(sub(row[i], lse))]));
        });
        hold(
          'gates',
          ways.flat().map(([first]) => first),
          gates,
          bound,
        );
        hold(
          'gates the other way',
          ways.flat().map(([, second]) => second),
          gates,
          bound,
        );
        const rows = array([...toFlat(logits), ...toFlat(logits)].slice(0, 2 * k), [2 * k, 1]);
        const rounded = array(toFlat(gates).map(f), gates.shape);
        const rowOfSlot = intArray(
          Array.from({ length: 2 * k }, (_, i) => 2 * k - 1 - i),
          [2, k],
        );
        const offsets = intArray([0, 2 * k - 1]);
        const terms = rowsOf(rounded).map((row, t) =>
          row.flatMap((g, s) => (t === 0 && s === 0 ? [] : [mul(g, rows.get(2 * k - 1 - t * k - s, 0))])),
        );
        hold(
          'moeCombine',
          terms.map(total),
          ops.moeCombine(rows, rounded, rowOfSlot, offsets),
          rounding.moeCombineBound(rows, rounded, rowOfSlot, offsets, U),
        );
      }),
    );
  });
});

describe('divisions and roots that are not correctly rounded', () => {
  // Two units of the last place further away from 0 than the rounded result: 2.5 units in all.
  const loose: rounding.Ulps = { ...ULPS, divide: 2.5, sqrt: 2.5 };
  const bits = new Int32Array(1);
  const float = new Float32Array(bits.buffer);
  const further = (x: number): number => {
    if (x === 0 || !Number.isFinite(x)) return x;
    float[0] = x;
    bits[0] += 2; // magnitude and sign are apart, so this lengthens either sign
    return float[0];
  };
  const divLoose = (a: number, b: number) => further(div(a, b));
  const sqrtLoose = (x: number) => further(sqrt(x));

  it('keep the bounds derived for them', () => {
    const inputs = fc.tuple(matrix(number, 2, 5), matrix(number, 1, 5), matrix(number, 1, 5));
    check(
      fc.property(inputs, order, ([x, w, b], total) => {
        const rows = rowsOf(x);
        const n = x.shape[1];
        for (const [name, compute] of [
          ['sqrt', (v: number) => sqrtLoose(Math.abs(v))],
          ['reciprocal', (v: number) => divLoose(1, v)],
          ['sigmoid', (v: number) => divLoose(1, add(1, exp(-v)))],
          ['gelu', (v: number) => onePlusHalf(v, erf(divLoose(v, f(Math.SQRT2))))],
        ] as const) {
          const input = name === 'sqrt' ? array(toFlat(x).map(Math.abs), x.shape) : x;
          const bound = rounding.unaryBound(name, input, U, loose);
          hold(`loose ${name}`, toFlat(x).map(compute), unary(name, input), bound);
        }
        const means = rows.map((row) => divLoose(total(row), n));
        hold('loose mean', means, ops.mean(x, 1), rounding.meanBound(x, 1, U, loose));
        const centred = rows.map((row, r) => row.map((value) => sub(value, means[r])));
        const spread = centred.map((row) => divLoose(total(row.map((d) => mul(d, d))), n));
        hold('loose variance', spread, ops.variance(x, 1), rounding.varianceBound(x, 1, U, loose));
        const [[weights], [biases]] = [rowsOf(w), rowsOf(b)];
        const normalised = centred.flatMap((row, r) => {
          const deviation = sqrtLoose(add(spread[r], f(1e-5)));
          return row.map((d, i) => add(mul(divLoose(d, deviation), weights[i]), biases[i]));
        });
        const layer = [x, array(weights), array(biases), 1e-5] as const;
        hold('loose layerNorm', normalised, ops.layerNorm(...layer), rounding.layerNormBound(...layer, U, loose));
        const shares = rows.flatMap((row) => {
          const e = row.map((value) => exp(sub(value, Math.max(...row))));
          return e.map((value) => divLoose(value, total(e)));
        });
        hold('loose softmax', shares, ops.softmax(x), rounding.softmaxBound(x, -1, U, loose));
      }),
    );
  });

  it('do not keep those of correct ones', () => {
    const [one, three, two] = [1, 3, 2].map((v) => array([v]));
    const quotient = rounding.binaryBound('divide', one, three, U, ULPS);
    expect(() => hold('wrong', [divLoose(1, 3)], ops.binary('divide', one, three), quotient)).toThrow('wrong[0]');
    const root = rounding.unaryBound('sqrt', two, U, ULPS);
    expect(() => hold('wrong', [sqrtLoose(2)], ops.sqrt(two), root)).toThrow('wrong[0]');
    hold(
      'loose divide',
      [divLoose(1, 3)],
      ops.binary('divide', one, three),
      rounding.binaryBound('divide', one, three, U, loose),
    );
    seen.delete('wrong');
  });
});
