import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../errors.ts';
import { foldIn, key, normal } from '../../random.ts';
import { debiasedCka, linearCka } from './cka.ts';
import type { ExpertOutputs } from './outputs.ts';

const u = Number.EPSILON / 2;
/** [token][width] */
type Table = number[][];

const stack = (...experts: Table[]): ExpertOutputs => ({
  experts: experts.length,
  tokens: experts[0].length,
  width: experts[0][0]?.length ?? 1,
  data: Float64Array.from(experts.flat(2)),
});

/*
 * The definitions, on integers: nothing rounds, so these values are exact and a 0 is a 0.
 */

/** n times the centred table: CKA does not see the factor. */
const centred = (x: Table): Table => {
  const sums = x[0].map((_, c) => x.reduce((sum, row) => sum + row[c], 0));
  return x.map((row) => row.map((value, c) => x.length * value - sums[c]));
};
/** XXᵀ [token][token] */
const gram = (x: Table): Table => x.map((a) => x.map((b) => a.reduce((sum, value, c) => sum + value * b[c], 0)));
/** ⟨K, L⟩ = Σ K_st L_st of the centred tables. */
const alignment = (x: Table, y: Table): number => {
  const [k, l] = [gram(centred(x)), gram(centred(y))];
  return k.reduce((sum, row, s) => sum + row.reduce((part, value, t) => part + value * l[s][t], 0), 0);
};
/** n(n − 1)(n − 2)(n − 3) · HSIC_1, from Song et al.'s formula on tables that are not centred. */
const unbiased = (x: Table, y: Table): number => {
  const n = x.length;
  const withoutDiagonal = (k: Table) => k.map((row, s) => row.map((value, t) => (s === t ? 0 : value)));
  const [k, l] = [withoutDiagonal(gram(x)), withoutDiagonal(gram(y))];
  const rowSum = (row: number[]) => row.reduce((sum, value) => sum + value, 0);
  const [rowsK, rowsL] = [k.map(rowSum), l.map(rowSum)];
  const trace = k.reduce((sum, row, s) => sum + row.reduce((part, value, t) => part + value * l[t][s], 0), 0);
  const crossed = rowsK.reduce((sum, value, s) => sum + value * rowsL[s], 0);
  return (n - 1) * (n - 2) * trace + rowSum(rowsK) * rowSum(rowsL) - 2 * (n - 1) * crossed;
};
/** Σ_t ‖x_t‖² of the table centred (without the factor n of `centred`). */
const spread = (x: Table): number =>
  centred(x)
    .flat()
    .reduce((sum, value) => sum + value ** 2, 0) /
  x.length ** 2;

/**
 * How far a computed CKA may be from the exact one. S = spread, own = the exact denominator squared (in units of S²).
 * A numerator is off by at most R·u·S_X S_Y and each own by R·u·S², with R = 8n + 6d + 16 (see `roundingOfHsic`, which
 * also covers the shorter biased sum); a ratio N/√(o_X o_Y) with |ratio| ≤ 1 then by the sum of the three relative
 * errors, halved for the roots. The factor 2 covers second order and the last few operations.
 */
const evaluationBound = (n: number, d: number, relativeX: number, relativeY: number): number => {
  const rounding = (8 * n + 6 * d + 16) * u;
  return 2 * rounding * (Math.sqrt(relativeX * relativeY) + (relativeX + relativeY) / 2 + 1);
};

/** The same for an X that is itself off by δ‖X‖_F: K moves by 2δS, and the cosine by twice that over ‖K‖. */
const perturbationBound = (delta: number, relativeX: number): number => 2 * 4 * delta * Math.sqrt(relativeX);

const biasedOwn = (x: Table) => spread(x) ** 2 / (alignment(x, x) / x.length ** 4);
const unbiasedOwn = (x: Table) => {
  const n = x.length;
  return spread(x) ** 2 / (unbiased(x, x) / ((n - 1) * (n - 2)));
};

const table = (tokens: number, width: number) =>
  fc.array(fc.array(fc.integer({ min: -8, max: 8 }), { minLength: width, maxLength: width }), {
    minLength: tokens,
    maxLength: tokens,
  });
const experts = (leastTokens: number) =>
  fc
    .tuple(fc.integer({ min: leastTokens, max: 9 }), fc.integer({ min: 1, max: 4 }))
    .chain(([tokens, width]) => fc.array(table(tokens, width), { minLength: 2, maxLength: 4 }));

describe('linearCka', () => {
  it('has the values of a worked example', () => {
    // Width 1: CKA is the squared correlation. (−1, 0, 1) and (−1, 2, −1) after centring are orthogonal; (0, 1, 2) and
    // (0, 1, 3) correlate with 3/√(2 · 14/3), so CKA = 9·3/28.
    expect(linearCka(stack([[0], [1], [2]], [[0], [3], [0]])).mean).toBeCloseTo(0, 15);
    expect(linearCka(stack([[0], [1], [2]], [[0], [1], [3]])).mean).toBeCloseTo(27 / 28, 14);
  });

  it('is 0 for an expert constant over tokens, whatever its offset', () => {
    const varying = [[1], [2], [4]];
    const constant = [[0.1], [0.1], [0.1]];
    expect(linearCka(stack(varying, constant)).pairs).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(linearCka(stack(constant, constant)).mean).toBe(0);
  });

  it('is NaN without a pair, and without two tokens', () => {
    expect(linearCka(stack([[1], [2]]))).toEqual({ mean: Number.NaN, pairs: [[1]] });
    expect(linearCka(stack([[1, 2]], [[3, 4]])).mean).toBeNaN();
    expect(linearCka({ experts: 2, tokens: 0, width: 3, data: new Float64Array(0) }).mean).toBeNaN();
  });

  it('equals the definition in exact arithmetic', () => {
    fc.assert(
      fc.property(experts(2), (tables) => {
        const { pairs } = linearCka(stack(...tables));
        tables.forEach((x, i) => {
          expect(pairs[i][i]).toBe(1);
          tables.forEach((y, j) => {
            if (i === j) return;
            const [ownX, ownY] = [alignment(x, x), alignment(y, y)];
            const want = ownX * ownY === 0 ? 0 : alignment(x, y) / Math.sqrt(ownX) / Math.sqrt(ownY);
            const bound =
              want === 0 && ownX * ownY === 0 ? 0 : evaluationBound(x.length, x[0].length, biasedOwn(x), biasedOwn(y));
            const message = `pair ${i},${j}: ${pairs[i][j]} and ${want}, bound ${bound}`;
            expect(Math.abs(pairs[i][j] - want), message).toBeLessThanOrEqual(bound);
            expect(pairs[i][j]).toBe(pairs[j][i]);
          });
        });
      }),
    );
  });
});

describe('debiasedCka', () => {
  it('has the values of a worked example', () => {
    // x = (0, 0, 1, 1), y = (0, 1, 0, 1): K̃ has the one pair {2, 3}, L̃ the one pair {1, 3}. By the formula, times
    // (n − 1)(n − 2) = 6: own 6·2 + 2·2 − 2·3·2 = 4, cross 0 + 4 − 2·3·1 = −2. CKA = −1/2.
    const { mean, pairs } = debiasedCka(stack([[0], [0], [1], [1]], [[0], [1], [0], [1]]));
    expect(mean).toBeCloseTo(-0.5, 14);
    expect(pairs[0][1]).toBe(mean);
    expect(pairs[0][0]).toBe(1);
  });

  it('equals the definition in exact arithmetic, and is null exactly where a denominator is 0', () => {
    fc.assert(
      fc.property(experts(4), (tables) => {
        const { mean, pairs } = debiasedCka(stack(...tables));
        const defined: number[] = [];
        tables.forEach((x, i) => {
          expect(pairs[i][i]).toBe(unbiased(x, x) === 0 ? null : 1);
          tables.slice(i + 1).forEach((y, offset) => {
            const j = i + 1 + offset;
            const got = pairs[i][j];
            const own = unbiased(x, x) * unbiased(y, y);
            expect(pairs[j][i]).toBe(got);
            expect(got === null, `pair ${i},${j} is ${got}, denominator² ${own}`).toBe(own === 0);
            if (got === null) return;
            defined.push(got);
            const want = unbiased(x, y) / Math.sqrt(unbiased(x, x)) / Math.sqrt(unbiased(y, y));
            const bound = evaluationBound(x.length, x[0].length, unbiasedOwn(x), unbiasedOwn(y));
            expect(Math.abs(got - want), `pair ${i},${j}: ${got} and ${want}, bound ${bound}`).toBeLessThanOrEqual(
              bound,
            );
            expect(Math.abs(got)).toBeLessThanOrEqual(1);
          });
        });
        if (defined.length === 0) expect(mean).toBeNull();
        else expect(mean).toBeCloseTo(defined.reduce((sum, value) => sum + value, 0) / defined.length, 14);
      }),
    );
  });

  it('is null below four tokens, without a pair, and for an expert constant but for one token', () => {
    expect(debiasedCka(stack([[1], [2], [4]], [[1], [3], [4]]))).toEqual({
      mean: null,
      pairs: [
        [null, null],
        [null, null],
      ],
    });
    expect(debiasedCka(stack([[1], [2], [4], [5]]))).toEqual({ mean: null, pairs: [[1]] });
    expect(debiasedCka({ experts: 2, tokens: 0, width: 3, data: new Float64Array(0) }).mean).toBeNull();
    const single = [[0.1], [0.1], [0.7], [0.1], [0.1]];
    const varying = [[1], [2], [4], [3], [9]];
    expect(debiasedCka(stack(single, varying, varying)).pairs).toEqual([
      [null, null, null],
      [null, 1, expect.closeTo(1, 12)],
      [null, expect.closeTo(1, 12), 1],
    ]);
  });

  it('is 0 in expectation for independent normal outputs, where the biased form is far from it', () => {
    const [tokens, width, trials] = [24, 32, 200];
    const values = Array.from({ length: trials }, (_, trial) => {
      const y = { experts: 2, tokens, width, data: normal(foldIn(key(7), trial), 2 * tokens * width) };
      expect(linearCka(y).mean).toBeGreaterThan(0.4);
      return debiasedCka(y).mean!;
    });
    // Shuffling the tokens of one expert keeps the denominators and averages the numerator to 0, so the expectation is 0.
    // Sum over s ≠ t of A_st B_st with entries of variance d each: sd √2·n·d to leading order, over own ≈ n²d: √2/n.
    // Five standard deviations of the mean; 1.5 for the orders left out.
    const mean = values.reduce((sum, value) => sum + value, 0) / trials;
    expect(Math.abs(mean)).toBeLessThan((1.5 * 5 * Math.SQRT2) / tokens / Math.sqrt(trials));
    // That they scatter as derived shows that the bound is not an empty one.
    const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / trials);
    expect((sd * tokens) / Math.SQRT2).toBeGreaterThan(0.75);
    expect((sd * tokens) / Math.SQRT2).toBeLessThan(1.5);
  });
});

describe('both forms', () => {
  it('do not see a rotation, a shift, or a common scale of an expert', () => {
    fc.assert(
      fc.property(
        experts(4),
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 6, maxLength: 6 }),
        fc.integer({ min: -30, max: 30 }),
        fc.integer({ min: -50, max: 50 }),
        ([x, y], angles, power, shift) => {
          fc.pre(unbiased(x, x) > 0 && unbiased(y, y) > 0);
          const width = x[0].length;
          const moved = rotated(x, angles).map((row) => row.map((value) => (value + shift) * 2 ** power));
          // At most 6 plane rotations at 4 roundings each (cosine and sine among them) and the shift: each of norm at
          // most ‖X‖_F + √(n·d)·50, and relative to the centred table.
          const size =
            Math.sqrt(x.flat().reduce((sum, value) => sum + value ** 2, 0)) + Math.sqrt(x.length * width) * 50;
          const delta = ((6 * 4 + 1) * u * size) / Math.sqrt(spread(x));
          for (const [measure, own] of [
            [linearCka, biasedOwn],
            [debiasedCka, unbiasedOwn],
          ] as const) {
            const plain = measure(stack(x, y)).mean!;
            const after = measure(stack(moved, y)).mean!;
            const bound = perturbationBound(delta, own(x)) + 2 * evaluationBound(x.length, width, own(x), own(y));
            expect(
              Math.abs(after - plain),
              `${measure.name}: ${plain} and ${after}, bound ${bound}`,
            ).toBeLessThanOrEqual(bound);
          }
        },
      ),
    );
  });

  it('permute their pairs when the experts are permuted', () => {
    fc.assert(
      fc.property(experts(4), (tables) => {
        const turned = [...tables].reverse();
        const last = tables.length - 1;
        for (const measure of [linearCka, debiasedCka]) {
          const plain = measure(stack(...tables)).pairs;
          const permuted = measure(stack(...turned)).pairs;
          plain.forEach((row, i) => {
            row.forEach((value, j) => {
              const other = permuted[last - i][last - j];
              expect(other === null).toBe(value === null);
              if (value === null || other === null) return;
              // Only the order of the d² terms of ‖XᵀY‖²_F changes.
              const own = measure === linearCka ? biasedOwn : unbiasedOwn;
              const bound =
                i === j
                  ? 0
                  : 2 * evaluationBound(tables[0].length, tables[0][0].length, own(tables[i]), own(tables[j]));
              if (Number.isFinite(bound)) expect(Math.abs(other - value)).toBeLessThanOrEqual(bound);
              else expect(other).toBe(value);
            });
          });
        }
      }),
    );
  });

  it('keep their digits under a large common offset and at extreme scales', () => {
    const x = [[0], [0], [1], [1]];
    const y = [[0], [1], [0], [1]];
    const offset = (t: Table, by: number) => t.map((row) => row.map((value) => value + by));
    // 2^40 + 1 is exact, and so is what is left after centring.
    expect(debiasedCka(stack(offset(x, 2 ** 40), y)).mean).toBeCloseTo(-0.5, 13);
    const scaled = (t: Table, by: number) => t.map((row) => row.map((value) => value * by));
    for (const scale of [1e-200, 1e-100, 1e100, 1e200]) {
      expect(debiasedCka(stack(scaled(x, scale), y)).mean).toBeCloseTo(-0.5, 13);
      expect(linearCka(stack(scaled(x, scale), x)).mean).toBeCloseTo(1, 13);
    }
  });

  it('show a NaN and refuse sizes that do not fit', () => {
    const broken = stack([[Number.NaN], [1], [2], [3]], [[0], [1], [0], [1]]);
    expect(linearCka(broken).mean).toBeNaN();
    expect(debiasedCka(broken).mean).toBeNaN();
    for (const measure of [linearCka, debiasedCka]) {
      expect(() => measure({ experts: 2, tokens: 2, width: 2, data: new Float64Array(7) })).toThrow(ShapeError);
      expect(() => measure({ experts: 0, tokens: 2, width: 2, data: new Float64Array(0) })).toThrow(ShapeError);
    }
  });
});

/** Plane rotations one after the other, through the columns in turn. */
function rotated(x: Table, angles: number[]): Table {
  const width = x[0].length;
  if (width === 1) return x.map((row) => row.map((value) => -value));
  return x.map((row) => {
    const turned = [...row];
    angles.forEach((angle, step) => {
      const [a, b] = [step % width, (step + 1) % width];
      const [p, q] = [turned[a], turned[b]];
      turned[a] = Math.cos(angle) * p - Math.sin(angle) * q;
      turned[b] = Math.sin(angle) * p + Math.cos(angle) * q;
    });
    return turned;
  });
}
