import fc from 'fast-check';
import { afterAll, describe, it } from 'vitest';
import { array, boolArray, intArray, toFlat } from './array.ts';
import * as ops from './ops/index.ts';
import {
  add,
  check,
  div,
  erf,
  exp,
  f,
  hold,
  matrix,
  moderate,
  mul,
  number,
  order,
  product32,
  reportShares,
  rowsOf,
  sqrt,
  sub,
  tanh,
  U,
  ULPS,
  unit,
} from './rounding.fixture.ts';
import * as rounding from './rounding.ts';

// What flows back, evaluated in Float32, one rounding at a time, and held to the bound for Float32.
afterAll(reportShares);

const sigmoid = (x: number) => div(1, add(1, exp(-x)));
const byTanh = (x: number) => mul(0.5, add(1, tanh(mul(0.5, x))));
const [rootTwoOverPi, cubic] = [f(Math.sqrt(2 / Math.PI)), f(0.044715)];
function geluTanhSlope(x: number): number {
  const square = mul(x, x);
  const t = tanh(mul(rootTwoOverPi, add(x, mul(cubic, mul(square, x)))));
  const inner = mul(rootTwoOverPi, add(1, mul(f(3 * 0.044715), square)));
  return add(mul(0.5, add(1, t)), mul(mul(mul(0.5, x), sub(1, mul(t, t))), inner));
}
const slopes: readonly (readonly [ops.DifferentiableActivation, string, (x: number) => number])[] = [
  ['sigmoid', 'of y', (x) => mul(sigmoid(x), sub(1, sigmoid(x)))],
  ['sigmoid', 'by tanh', (x) => mul(byTanh(x), sub(1, byTanh(x)))],
  ['softplus', '', sigmoid],
  ['silu', 'of x − y', (x) => mul(sigmoid(x), add(1, sub(x, mul(x, sigmoid(x)))))],
  ['silu', 'of x − y by tanh', (x) => mul(byTanh(x), add(1, sub(x, mul(x, byTanh(x)))))],
  ['silu', 'of 1 − σ', (x) => mul(sigmoid(x), add(1, mul(x, sub(1, sigmoid(x)))))],
  ['silu', 'of y(1 − σ)', (x) => add(sigmoid(x), mul(mul(x, sigmoid(x)), sub(1, sigmoid(x))))],
  [
    'gelu',
    '',
    (x) => {
      const distribution = mul(0.5, add(1, erf(mul(x, f(Math.SQRT1_2)))));
      const density = mul(f(1 / Math.sqrt(2 * Math.PI)), exp(mul(-0.5, mul(x, x))));
      return add(distribution, mul(x, density));
    },
  ],
  ['geluTanh', '', geluTanhSlope],
];

describe('what flows back keeps its bound', () => {
  it('activations', () => {
    const inputs = fc.tuple(
      matrix(number, 1, 4),
      matrix(
        fc.oneof(
          unit.map((x) => f(6 * x)),
          moderate,
          number,
        ),
        1,
        4,
      ),
    );
    check(
      fc.property(inputs, ([g, z]) => {
        for (const [name, way, slope] of slopes)
          hold(
            `${name} ${way}`,
            toFlat(z).map((x, i) => mul(toFlat(g)[i], slope(x))),
            ops.activationGradient(name, g, z),
            rounding.activationGradientBound(name, g, z, U, ULPS),
          );
      }),
    );
  });

  it('softmax and cross entropy', () => {
    const inputs = fc.tuple(matrix(number, 2, 5), matrix(number, 2, 5), matrix(moderate, 2, 5));
    check(
      fc.property(inputs, order, ([y, g, z], total) => {
        const [shares, gradients] = [rowsOf(y), rowsOf(g)];
        const [exact, bound] = [ops.softmaxGradient(y, g, 1), rounding.softmaxGradientBound(y, g, 1, U)];
        const sums = shares.map((row, r) => total(row.map((share, j) => mul(share, gradients[r][j]))));
        const difference = shares.map((row, r) => row.map((share, j) => mul(share, sub(gradients[r][j], sums[r]))));
        hold('softmax', difference.flat(), exact, bound);
        const products = shares.map((row, r) =>
          row.map((share, j) => sub(mul(share, gradients[r][j]), mul(share, sums[r]))),
        );
        hold('softmax, multiplied out', products.flat(), exact, bound);

        const [labels, of] = [intArray([1, 7]), array([gradients[0][0], gradients[1][0]])];
        const losses = rowsOf(z).flatMap((row, r) => {
          const e = row.map((value) => exp(sub(value, Math.max(...row))));
          return e.map((value, j) => mul(toFlat(of)[r], sub(div(value, total(e)), toFlat(labels)[r] === j ? 1 : 0)));
        });
        const stated = [
          ops.crossEntropyGradient(z, labels, of),
          rounding.crossEntropyGradientBound(z, labels, of, U, ULPS),
        ];
        hold('cross entropy', losses, stated[0], stated[1]);
      }),
    );
  });

  it('layer norm', () => {
    const inputs = fc.tuple(matrix(number, 3, 4), matrix(number, 3, 4), matrix(number, 1, 4));
    check(
      fc.property(inputs, order, ([x, g, w], total) => {
        const weight = array(toFlat(w));
        const mean = (terms: readonly number[]) => div(total(terms), 4);
        const rows = rowsOf(x).map((row, r) => {
          const middle = mean(row);
          const centred = row.map((value) => sub(value, middle));
          const s = sqrt(add(mean(centred.map((d) => mul(d, d))), f(1e-5)));
          const n = centred.map((d) => div(d, s));
          const h = rowsOf(g)[r].map((value, i) => mul(value, toFlat(w)[i]));
          const [a, b] = [mean(h), mean(h.map((value, i) => mul(value, n[i])))];
          return { n, toX: h.map((value, i) => div(sub(sub(value, a), mul(n[i], b)), s)) };
        });
        const columns = (value: (r: number, i: number) => number) =>
          [0, 1, 2, 3].map((i) => total([0, 1, 2].map((r) => value(r, i))));
        const exact = ops.layerNormGradient(x, weight, g, f(1e-5));
        const bounds = rounding.layerNormGradientBound(x, weight, g, f(1e-5), U, ULPS);
        hold(
          'layer norm to x',
          rows.flatMap(({ toX }) => toX),
          exact[0],
          bounds[0],
        );
        hold(
          'layer norm to the weight',
          columns((r, i) => mul(rowsOf(g)[r][i], rows[r].n[i])),
          exact[1],
          bounds[1],
        );
        hold(
          'layer norm to the bias',
          columns((r, i) => rowsOf(g)[r][i]),
          exact[2],
          bounds[2],
        );
      }),
    );
  });

  it('attention', () => {
    const [positions, dim] = [3, 2];
    const of = (scale: number) =>
      matrix(
        unit.map((x) => f(scale * x)),
        positions,
        dim,
      );
    const square = matrix(unit, positions, positions);
    const inputs = fc.tuple(of(1), fc.constantFrom(1, 30, 1000).chain(of), of(1), of(1), square, square);
    const mask = boolArray([1, 0, 1], [1, positions]);
    const transposed = (a: number[][]) => a[0].map((_, j) => a.map((row) => row[j]));
    const scale = f(1 / Math.sqrt(dim));
    check(
      fc.property(inputs, order, (drawn, total) => {
        const [q, k, v, g, w, gw] = drawn.map((x) => array(toFlat(x), [1, 1, ...x.shape]));
        const [Q, K, V, G, W, GW] = drawn.map(rowsOf);
        const weights = product32(Q, transposed(K), total).map((row) => {
          const s = row.map((dot) => mul(dot, scale));
          const highest = Math.max(s[0], s[2]);
          const e = s.map((value, j) => (j === 1 ? 0 : exp(sub(value, highest))));
          return e.map((value) => div(value, total(e)));
        });
        const [boundY, boundW] = rounding.attentionBound(q, k, v, mask, U, ULPS);
        hold('weights', weights.flat(), ops.attentionWeights(q, k, mask), boundW);
        hold('attention', product32(weights, V, total).flat(), ops.attention(q, k, v, mask), boundY);

        const slopes = product32(G, transposed(V), total).map((row, i) => {
          const a = row.map((value, j) => add(value, GW[i][j]));
          const sum = total(a.map((value, j) => mul(value, W[i][j])));
          return a.map((value, j) => mul(mul(W[i][j], sub(value, sum)), scale));
        });
        const exact = ops.attentionGradient(w, q, k, v, g, gw);
        const bounds = rounding.attentionGradientBound(w, q, k, v, g, gw, U, ULPS);
        hold('attention to q', product32(slopes, K, total).flat(), exact[0], bounds[0]);
        hold('attention to k', product32(transposed(slopes), Q, total).flat(), exact[1], bounds[1]);
        hold('attention to v', product32(transposed(W), G, total).flat(), exact[2], bounds[2]);
      }),
    );
  });
});
