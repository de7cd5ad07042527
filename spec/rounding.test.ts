import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { array, at, indices, intArray, type Real, SpecError, toFlat } from './array.ts';
import { binaryFunctions, type UnaryName, unary, unaryFunctions } from './ops/elementwise.ts';
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
  orders,
  product32,
  reportShares,
  rowsOf,
  seen,
  sqrt,
  sub,
  table,
  tanh,
  U,
  ULPS,
  unit,
} from './rounding.fixture.ts';
import * as rounding from './rounding.ts';

// Everything below is evaluated in Float32, one rounding at a time, and held to the bound for Float32.
afterAll(reportShares);

describe('sums', () => {
  it('sum, mean, variance', () => {
    check(
      fc.property(table(number), order, (x, total) => {
        const rows = rowsOf(x);
        const n = x.shape[1];
        hold('sum', rows.map(total), ops.sum(x, 1), rounding.sumBound(x, 1, U));
        const means = rows.map((row) => div(total(row), n));
        hold('mean', means, ops.mean(x, 1), rounding.meanBound(x, 1, U, ULPS));
        hold(
          'mean by reciprocal',
          rows.map((row) => mul(total(row), f(1 / n))),
          ops.mean(x, 1),
          rounding.meanBound(x, 1, U, ULPS),
        );
        const spread = rows.map((row, r) => {
          const squares = row.map((value) => mul(sub(value, means[r]), sub(value, means[r])));
          return div(total(squares), n);
        });
        hold('variance', spread, ops.variance(x, 1), rounding.varianceBound(x, 1, U, ULPS));
      }),
    );
  });

  it('variance far from 0 keeps its bound, and the one-pass form does not', () => {
    const x = array([10001, 10002, 10003, 10004], [1, 4]);
    const bound = rounding.varianceBound(x, 1, U, ULPS);
    const [row] = rowsOf(x);
    const total = orders[0];
    const m = div(total(row), 4);
    const twoPass = div(total(row.map((v) => mul(sub(v, m), sub(v, m)))), 4);
    hold('variance', [twoPass], ops.variance(x, 1), bound);
    // Where the mean itself cannot be written (steps of 1/16 at 1e6), its error squared is most of what happens.
    const steep = [0, 1, 1, 2, 0].map((step) => 1e6 + step / 16);
    const [far, centre] = [array(steep, [1, 5]), div(total(steep), 5)];
    const rough = div(total(steep.map((v) => mul(sub(v, centre), sub(v, centre)))), 5);
    hold('variance', [rough], ops.variance(far, 1), rounding.varianceBound(far, 1, U, ULPS));
    expect(Math.abs(rough / toFlat(ops.variance(far, 1))[0] - 1)).toBeGreaterThan(rounding.gamma(9, U));
    const onePass = sub(div(total(row.map((v) => mul(v, v))), 4), mul(m, m));
    expect(() => hold('one pass', [onePass], ops.variance(x, 1), bound)).toThrow('one pass[0]');
    seen.delete('one pass');
  });

  it('cumsum, scatterAdd', () => {
    check(
      fc.property(table(number), (x) => {
        const running = rowsOf(x).flatMap((row) => row.map((_, i) => orders[0](row.slice(0, i + 1))));
        hold('cumsum', running, ops.cumsum(x), rounding.cumsumBound(x, -1, U));
        const list = intArray(Array.from({ length: x.shape[1] }, (_, i) => i % 2));
        const zero = array(new Float64Array(2 * x.shape[0]), [x.shape[0], 2]);
        const added = rowsOf(x).flatMap((row) => [0, 1].map((p) => orders[0](row.filter((_, i) => i % 2 === p))));
        hold('scatterAdd', added, ops.scatterAdd(zero, list, x, 1), rounding.scatterAddBound(zero, list, x, 1, U));
      }),
    );
  });
});

const transposed = (a: number[][]): number[][] => a[0].map((_, j) => a.map((row) => row[j]));

describe('contractions', () => {
  it('matmul, linear, gram, groupedMatmul', () => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 3 }),
    );
    const operands = sizes.chain(([m, k, n]) =>
      fc.tuple(matrix(number, m, k), matrix(number, k, n), matrix(number, 1, n)),
    );
    check(
      fc.property(operands, order, ([a, b, c], total) => {
        const [A, B] = [rowsOf(a), rowsOf(b)];
        const C = product32(A, B, total);
        hold('matmul', C.flat(), ops.matmul(a, b), rounding.matmulBound(a, b, U));
        hold('gram', product32(transposed(A), A, total).flat(), ops.gram(a), rounding.gramBound(a, U));
        const bias = array(toFlat(c));
        const y = C.flatMap((row) => row.map((value, j) => add(value, toFlat(bias)[j])));
        hold('linear', y, ops.linear(a, b, bias), rounding.linearBound(a, b, bias, U));
        const experts = array(toFlat(b), [1, ...b.shape]);
        const offsets = intArray([0, a.shape[0]]);
        hold(
          'groupedMatmul',
          C.flat(),
          ops.groupedMatmul(a, experts, offsets),
          rounding.groupedMatmulBound(a, experts, offsets, U),
        );
        hold(
          'groupedOuter',
          product32(transposed(A), C, total).flat(),
          ops.groupedOuter(a, array(C.flat(), [a.shape[0], b.shape[1]]), offsets),
          rounding.groupedOuterBound(a, array(C.flat(), [a.shape[0], b.shape[1]]), offsets, U),
        );
      }),
    );
  });

  it('orthogonalProject', () => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
    );
    const operands = sizes.chain(([rows, cols, rank]) =>
      fc.tuple(matrix(number, rows, cols), matrix(unit, rows, rank)),
    );
    check(
      fc.property(operands, order, ([g, v], total) => {
        const [G, V] = [rowsOf(g), rowsOf(v)];
        const inSpan = product32(V, product32(transposed(V), G, total), total);
        const outside = G.flatMap((row, i) => row.map((value, j) => sub(value, inSpan[i][j])));
        hold('orthogonalProject', outside, ops.orthogonalProject(g, v), rounding.orthogonalProjectBound(g, v, U));
        const [gT, outsideT] = [ops.transpose(g), transposed(rowsOf(array(outside, g.shape))).flat()];
        const bound = rounding.orthogonalProjectRightBound(gT, v, U);
        hold('orthogonalProject, right', outsideT, ops.orthogonalProjectRight(gT, v), bound);
      }),
    );
  });
});

const sigmoidByTanh = (x: number): number => mul(add(tanh(mul(x, 0.5)), 1), 0.5);
const sigmoidByExp = (x: number): number => div(1, add(1, exp(-x)));
/** Evaluations in use, several for some functions. */
const evaluations: readonly (readonly [UnaryName, (x: number) => number])[] = [
  ['exp', exp],
  ['tanh', tanh],
  ['erf', erf],
  ['square', (x) => mul(x, x)],
  ['gelu', (x) => onePlusHalf(x, erf(mul(x, f(Math.SQRT1_2))))],
  ['gelu', (x) => mul(mul(x, add(erf(div(x, f(Math.SQRT2))), 1)), 0.5)],
  [
    'geluTanh',
    (x) => onePlusHalf(x, tanh(mul(f(Math.sqrt(2 / Math.PI)), add(x, mul(f(0.044715), mul(mul(x, x), x)))))),
  ],
  ['sigmoid', sigmoidByTanh],
  ['sigmoid', sigmoidByExp],
  ['sigmoid', (x) => (x < 0 ? div(exp(x), add(1, exp(x))) : sigmoidByExp(x))],
  ['silu', (x) => mul(x, sigmoidByTanh(x))],
  ['silu', (x) => div(x, add(1, exp(-x)))],
  ['softplus', (x) => add(Math.max(x, 0), log(add(1, exp(-Math.abs(x)))))],
];

describe('elementwise functions', () => {
  it.each(evaluations)('%s', (name, evaluate) => {
    check(
      fc.property(fc.oneof(number, moderate), (x) => {
        const input = array([x]);
        if (f(unaryFunctions[name](x)) === Infinity) return; // overflow is outside the model
        hold(name, [evaluate(x)], unary(name, input), rounding.unaryBound(name, input, U, ULPS));
      }),
    );
  });

  it('log, sqrt and arithmetic', () => {
    check(
      fc.property(number, number, (x, y) => {
        const [a, b] = [array([x]), array([y])];
        const positive = array([Math.abs(x)]);
        hold('log', [log(Math.abs(x))], ops.log(positive), rounding.unaryBound('log', positive, U, ULPS));
        hold('sqrt', [sqrt(Math.abs(x))], ops.sqrt(positive), rounding.unaryBound('sqrt', positive, U, ULPS));
        for (const name of ['add', 'subtract', 'multiply', 'divide'] as const) {
          const computed = f(binaryFunctions[name](x, y));
          hold(name, [computed], ops.binary(name, a, b), rounding.binaryBound(name, a, b, U, ULPS));
        }
      }),
    );
  });
});

describe('normalisations', () => {
  const scores = table(
    fc.oneof(
      number,
      moderate,
      moderate.map((x) => f(x * 8)),
      fc.constant(-Infinity),
    ),
  );

  it('softmax, logSoftmax, logSumExp, crossEntropy', () => {
    check(
      fc.property(scores, order, (x, total) => {
        const parts = rowsOf(x).map((row) => {
          const highest = row.reduce((m, value) => Math.max(m, value), -Infinity);
          const shift = Number.isFinite(highest) ? highest : 0;
          const e = row.map((value) => exp(sub(value, shift)));
          return { row, shift, e, sum: total(e) };
        });
        // where all are −∞ the definition is NaN, and softmax has nothing to be held to
        if (parts.some(({ sum }) => sum === 0)) return;
        hold(
          'softmax',
          parts.flatMap(({ e, sum }) => e.map((value) => div(value, sum))),
          ops.softmax(x),
          rounding.softmaxBound(x, -1, U, ULPS),
        );
        const lse = parts.map(({ shift, sum }) => add(shift, log(sum)));
        hold('logSumExp', lse, ops.logSumExp(x, 1), rounding.logSumExpBound(x, 1, U, ULPS));
        const exact = ops.logSoftmax(x);
        const bound = rounding.logSoftmaxBound(x, -1, U, ULPS);
        const direct = parts.flatMap(({ row, shift, sum }) => row.map((value) => sub(sub(value, shift), log(sum))));
        hold('logSoftmax', direct, exact, bound);
        const byLse = parts.flatMap(({ row }, r) => row.map((value) => sub(value, lse[r])));
        hold('logSoftmax', byLse, exact, bound);
        const labels = intArray(parts.map((_part, r) => r % x.shape[1]));
        const losses = parts.map(({ row }, r) => sub(lse[r], row[at(labels, [r])]));
        hold('crossEntropy', losses, ops.crossEntropy(x, labels), rounding.crossEntropyBound(x, labels, U, ULPS));
      }),
    );
  });

  it('layerNorm', () => {
    const inputs = fc
      .integer({ min: 2, max: 8 })
      .chain((n) => fc.tuple(matrix(number, 2, n), matrix(number, 1, n), matrix(number, 1, n)));
    check(
      fc.property(inputs, order, fc.constantFrom(1e-5, 1e-12), ([x, w, b], total, epsilon) => {
        const [[weights], [biases], n] = [rowsOf(w), rowsOf(b), x.shape[1]];
        const computed = rowsOf(x).flatMap((row) => {
          const m = div(total(row), n);
          const centred = row.map((value) => sub(value, m));
          const deviation = sqrt(add(div(total(centred.map((d) => mul(d, d))), n), f(epsilon)));
          return centred.map((d, i) => add(mul(div(d, deviation), weights[i]), biases[i]));
        });
        const [weight, bias] = [array(weights), array(biases)];
        hold(
          'layerNorm',
          computed,
          ops.layerNorm(x, weight, bias, epsilon),
          rounding.layerNormBound(x, weight, bias, epsilon, U, ULPS),
        );
      }),
    );
  });

  it('has no bound where layerNorm divides by nothing but rounding', () => {
    const x = array([0.1, 0.1, 0.1].map(f), [1, 3]);
    const one = array([1, 1, 1]);
    const bound = rounding.layerNormBound(x, one, array([0, 0, 0]), 1e-30, U, ULPS);
    // mean error may be 2γ₄·0.1, divided by √1e-30
    expect(toFlat(bound).every((value) => value > 1e6)).toBe(true);
  });
});

describe('the model', () => {
  it('γ', () => {
    expect(rounding.gamma(0, U)).toBe(0);
    expect(rounding.gamma(1, U)).toBe(2 ** -24 / (1 - 2 ** -24));
    expect(() => rounding.gamma(2 ** 24, U)).toThrow(SpecError);
  });

  it('a tolerance adds what the Float64 definition may be off by', () => {
    const x = array([1, 2, 3]);
    const tolerance = rounding.tolerance((u) => rounding.sumBound(x, 0, u), U, ULPS);
    const [both] = toFlat(tolerance);
    expect(both).toBe(toFlat(rounding.sumBound(x, 0, U))[0] + toFlat(rounding.sumBound(x, 0, 2 ** -53))[0]);
  });

  it('bounds in Float64 are of the size of its u: none is lost to cancellation', () => {
    const u = rounding.UNIT_ROUNDOFF.float64;
    const x = array([0.3, -1.2, 2.5, 0.7], [1, 4]);
    const one = array([1, 1, 1, 1]);
    const ratio = (bound: (unit: number) => Real): number[] => {
      const [small, large] = [bound(u), bound(U)];
      return Array.from(indices(small.shape), (index) => at(small, index) / u / (at(large, index) / U));
    };
    const shares = [
      ratio((unit) => rounding.softmaxBound(x, 1, unit, ULPS)),
      ratio((unit) => rounding.logSoftmaxBound(x, 1, unit, ULPS)),
      ratio((unit) => rounding.logSumExpBound(x, 1, unit, ULPS)),
      ratio((unit) => rounding.layerNormBound(x, one, one, 1e-5, unit, ULPS)),
      ratio((unit) => rounding.unaryBound('sigmoid', x, unit, ULPS)),
      ratio((unit) => rounding.unaryBound('softplus', x, unit, ULPS)),
      ratio((unit) => rounding.unaryBound('gelu', x, unit, ULPS)),
    ];
    // the bounds are c·u + O(u²): equal c up to 1e-5
    for (const share of shares.flat()) expect(Math.abs(share - 1)).toBeLessThan(1e-5);
  });
});
