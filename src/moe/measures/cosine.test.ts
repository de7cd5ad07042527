import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../errors.ts';
import { outputCosine, weightCosine, weightDeltaCosine } from './cosine.ts';
import type { ExpertOutputs } from './outputs.ts';

const outputs = (experts: number, tokens: number, width: number, data: number[]): ExpertOutputs => ({
  experts,
  tokens,
  width,
  data: Float64Array.from(data),
});

/** Small outputs with zeros among them, so that zero vectors and parallel vectors turn up. */
const arbitraryOutputs = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }))
  .chain(([experts, tokens, width]) => {
    const size = experts * tokens * width;
    return fc
      .array(fc.integer({ min: -3, max: 3 }), { minLength: size, maxLength: size })
      .map((data) => outputs(experts, tokens, width, data));
  });

const u = Number.EPSILON / 2;

describe('outputCosine', () => {
  it('has the values of a worked example', () => {
    // token 0: (3, 4) and (4, 3): 24/25.  token 1: (1, 0) and (−2, 0): −1.  Mean −1/50.
    const { mean, pairs } = outputCosine(outputs(2, 2, 2, [3, 4, 1, 0, 4, 3, -2, 0]));
    expect(mean).toBeCloseTo(-0.02, 15);
    expect(pairs).toEqual([
      [1, mean],
      [mean, 1],
    ]);
  });

  it('takes the mean over all pairs', () => {
    // Experts along x, x and y: the pairs are 1, 0, 0.
    const { mean, pairs } = outputCosine(outputs(3, 1, 2, [2, 0, 5, 0, 0, 7]));
    expect(mean).toBe(1 / 3);
    expect(pairs).toEqual([
      [1, 1, 0],
      [1, 1, 0],
      [0, 0, 1],
    ]);
  });

  it('gives a zero vector the cosine 0 with everything, another zero vector included', () => {
    expect(outputCosine(outputs(3, 1, 2, [0, 0, 0, 0, 1, 1])).pairs).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });

  it('is NaN where there is no pair or no token', () => {
    expect(outputCosine(outputs(1, 2, 2, [1, 2, 3, 4]))).toEqual({ mean: Number.NaN, pairs: [[1]] });
    const { mean, pairs } = outputCosine(outputs(2, 0, 3, []));
    expect(mean).toBeNaN();
    expect(pairs).toEqual([
      [1, Number.NaN],
      [Number.NaN, 1],
    ]);
  });

  it('is a product of signs at width 1', () => {
    expect(outputCosine(outputs(2, 3, 1, [2, -1, 5, 7, 3, 0.5])).mean).toBe(1 / 3);
  });

  it('does not overflow or underflow', () => {
    for (const scale of [1e-320, 1e-200, 1e200, 1e308]) {
      expect(outputCosine(outputs(2, 1, 2, [scale, 0, scale, scale])).mean).toBeCloseTo(Math.SQRT1_2, 3);
    }
  });

  it('shows a NaN in every pair of its expert and in no other', () => {
    const { mean, pairs } = outputCosine(outputs(3, 1, 2, [Number.NaN, 0, 1, 0, 1, 0]));
    expect(mean).toBeNaN();
    expect(pairs[0][1]).toBeNaN();
    expect(pairs[0][2]).toBeNaN();
    expect(pairs[1][2]).toBe(1);
  });

  it('is symmetric, 1 on the diagonal and within [−1, 1]', () => {
    fc.assert(
      fc.property(arbitraryOutputs, (y) => {
        const { pairs } = outputCosine(y);
        for (let i = 0; i < y.experts; i++) {
          expect(pairs[i][i]).toBe(1);
          for (let j = 0; j < y.experts; j++) {
            expect(pairs[i][j]).toBe(pairs[j][i]);
            expect(Math.abs(pairs[i][j])).toBeLessThanOrEqual(1);
          }
        }
      }),
    );
  });

  it('equals ⟨a, b⟩/(‖a‖‖b‖) written out', () => {
    fc.assert(
      fc.property(arbitraryOutputs, ({ experts, tokens, width, data }) => {
        const { pairs } = outputCosine({ experts, tokens, width, data });
        const entry = (e: number, t: number, c: number) => data[(e * tokens + t) * width + c];
        for (let i = 0; i < experts; i++) {
          for (let j = i + 1; j < experts; j++) {
            let sum = 0;
            for (let t = 0; t < tokens; t++) {
              let [ab, aa, bb] = [0, 0, 0];
              for (let c = 0; c < width; c++) {
                ab += entry(i, t, c) * entry(j, t, c);
                aa += entry(i, t, c) ** 2;
                bb += entry(j, t, c) ** 2;
              }
              sum += aa * bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
            }
            // Integers: the naive sums are exact, three roundings follow. Ours rounds each unit vector (γ_{w+4} relative),
            // their product (γ_w, of |a||b| ≤ 1) and the mean over n tokens, γ_n. Together below (3w + 12 + n)u, n times.
            const bound = 2 * (3 * width + 16 + 2 * tokens) * u;
            const error = Math.abs(pairs[i][j] - sum / tokens);
            expect(error, `pair ${i},${j}: ${pairs[i][j]} and ${sum / tokens}, bound ${bound}`).toBeLessThanOrEqual(
              bound,
            );
          }
        }
      }),
    );
  });

  it('permutes its pairs, bit for bit, when the experts are permuted', () => {
    fc.assert(
      fc.property(arbitraryOutputs, fc.infiniteStream(fc.nat()), (y, stream) => {
        const order = Array.from({ length: y.experts }, (_, e) => ({ e, rank: stream.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ e }) => e);
        const size = y.tokens * y.width;
        const data = new Float64Array(y.data.length);
        order.forEach((from, to) => {
          data.set(y.data.subarray(from * size, (from + 1) * size), to * size);
        });
        const plain = outputCosine(y).pairs;
        const permuted = outputCosine({ ...y, data }).pairs;
        expect(permuted).toEqual(order.map((i) => order.map((j) => plain[i][j])));
      }),
    );
  });

  it('does not change when an expert is made larger, and changes sign when it is turned round', () => {
    fc.assert(
      fc.property(arbitraryOutputs, fc.integer({ min: -20, max: 20 }), (y, power) => {
        fc.pre(y.experts >= 2);
        const size = y.tokens * y.width;
        const scaled = y.data.map((value, index) => (index < size ? value * 2 ** power : value));
        expect(outputCosine({ ...y, data: scaled })).toEqual(outputCosine(y));
        const turned = y.data.map((value, index) => (index < size ? -value : value));
        expect(outputCosine({ ...y, data: turned }).pairs[0][1] + outputCosine(y).pairs[0][1]).toBe(0);
      }),
    );
  });

  it('refuses sizes that do not fit', () => {
    expect(() => outputCosine(outputs(2, 2, 2, [1, 2, 3]))).toThrow(ShapeError);
    expect(() => outputCosine(outputs(0, 2, 2, []))).toThrow(/at least one expert/);
    expect(() => outputCosine(outputs(2, 2, 0, []))).toThrow(ShapeError);
    expect(() => outputCosine(outputs(1.5, 2, 1, [1, 2, 3]))).toThrow(ShapeError);
    expect(() => outputCosine(outputs(-1, -1, 1, [1]))).toThrow(ShapeError);
  });
});

describe('weightCosine', () => {
  it('has the values of a worked example', () => {
    expect(weightCosine([Float64Array.of(3, 4), Float64Array.of(4, 3)])).toBeCloseTo(0.96, 15);
    // pairs 1, −1, −1
    const [a, b, c] = [Float64Array.of(1, 0), Float64Array.of(4, 0), Float64Array.of(-3, 0)];
    expect(weightCosine([a, b, c])).toBe(-1 / 3);
  });

  it('is NaN for one expert', () => {
    expect(weightCosine([Float64Array.of(1, 2)])).toBeNaN();
  });

  it('refuses no expert, no weights, and unequal lengths', () => {
    expect(() => weightCosine([])).toThrow(ShapeError);
    expect(() => weightCosine([new Float64Array(0), new Float64Array(0)])).toThrow(ShapeError);
    expect(() => weightCosine([Float64Array.of(1), Float64Array.of(1, 2)])).toThrow(/vectors of 1, 2 weights/);
  });
});

describe('weightDeltaCosine', () => {
  const base = Float64Array.of(10, 20, 30);
  const moved = (...delta: number[]) => base.map((w, index) => w + delta[index]);

  it('is null before the first step', () => {
    expect(weightDeltaCosine([moved(0, 0, 0), moved(0, 0, 0)], base)).toBeNull();
  });

  it('sees what training did, not what the copies share', () => {
    const weights = [moved(1, 0, 0), moved(0, 2, 0)];
    expect(weightCosine(weights)).toBeGreaterThan(0.99);
    expect(weightDeltaCosine(weights, base)).toBe(0);
    expect(weightDeltaCosine([moved(1, 0, 0), moved(-2, 0, 0)], base)).toBe(-1);
  });

  it('counts an expert that has not moved as 0', () => {
    // pairs: (moved, moved) 1, twice 0
    expect(weightDeltaCosine([moved(1, 0, 0), moved(2, 0, 0), moved(0, 0, 0)], base)).toBe(1 / 3);
  });

  it('takes a base for each expert where the copies were noisy', () => {
    const bases = [Float64Array.of(1, 1), Float64Array.of(5, -5)];
    expect(weightDeltaCosine([Float64Array.of(2, 1), Float64Array.of(6, -5)], bases)).toBe(1);
    expect(weightDeltaCosine(bases, bases)).toBeNull();
  });

  it('refuses bases that do not fit', () => {
    expect(() => weightDeltaCosine([base, base], [base])).toThrow(/2 experts and 1 bases/);
    expect(() => weightDeltaCosine([base], Float64Array.of(1))).toThrow(ShapeError);
    expect(() => weightDeltaCosine([], base)).toThrow(ShapeError);
  });
});
