import fc from 'fast-check';
import { array, type Bool, boolArray, type Real, sizeOf } from '../../spec/array.ts';
import type { Expert } from '../../spec/method/expert.ts';
import type { Engine } from '../../src/engine.ts';
import type { MoEParameters } from '../../src/moe/index.ts';
import type { Tensor } from '../../src/tensor.ts';

/**
 * Small Mixture-of-Experts layers whose sums and products are exact in Float32: entries are eighths between −2 and 2.
 * With a width and a hidden size of at most 4, x W is a multiple of 1/64 below 2⁵, and relu(x W1 + b1) W2 + b2 a multiple of
 * 1/512 below 2⁸: under 2²⁴ units. So logits, hidden layers and (with relu) experts carry no rounding at all, ties are
 * real ties, and what remains to be bounded is the softmax and the mixing.
 */

export const eighths = (shape: readonly number[]): fc.Arbitrary<Real> =>
  fc.array(fc.integer({ min: -16, max: 16 }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) }).map((whole) =>
    array(
      whole.map((k) => k / 8),
      shape,
    ),
  );

export interface DrawnLayer {
  readonly experts: number;
  readonly k: number;
  readonly renormalize: boolean;
  /** [token, width] */
  readonly x: Real;
  /** [token], 0 for padding */
  readonly mask: Bool;
  /** [width, expert] */
  readonly router: Real;
  /** Stacked: [expert, width, hidden], [expert, hidden], [expert, hidden, width], [expert, width]. */
  readonly w1: Real;
  readonly b1: Real;
  readonly w2: Real;
  readonly b2: Real;
}

export const drawnLayers = (range: { tokens?: number; least?: number } = {}): fc.Arbitrary<DrawnLayer> =>
  fc
    .record({
      tokens: fc.integer({ min: range.least ?? 0, max: range.tokens ?? 9 }),
      width: fc.integer({ min: 1, max: 4 }),
      hidden: fc.integer({ min: 1, max: 4 }),
      experts: fc.integer({ min: 1, max: 5 }),
      k: fc.nat(4),
      renormalize: fc.boolean(),
    })
    .chain(({ tokens, width, hidden, experts, k, renormalize }) =>
      fc.record({
        experts: fc.constant(experts),
        k: fc.constant(1 + (k % experts)),
        renormalize: fc.constant(renormalize),
        x: eighths([tokens, width]),
        mask: masks(tokens),
        router: eighths([width, experts]),
        w1: eighths([experts, width, hidden]),
        b1: eighths([experts, hidden]),
        w2: eighths([experts, hidden, width]),
        b2: eighths([experts, width]),
      }),
    );

/** Mostly tokens, some padding; now and then nothing but padding. */
export const masks = (tokens: number): fc.Arbitrary<Bool> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.array(fc.nat(3), { minLength: tokens, maxLength: tokens }).map((m) => boolArray(m)) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1).map((m) => boolArray(new Array<number>(tokens).fill(m))) },
  );

/** Logits that are quarters between −8 and 8, with many ties: differences are exact, and no probability underflows. */
export const drawnLogits = (most = { tokens: 6, experts: 6 }): fc.Arbitrary<{ logits: Real; k: number }> =>
  fc
    .tuple(fc.nat(most.tokens), fc.integer({ min: 1, max: most.experts }), fc.nat(most.experts))
    .chain(([tokens, experts, k]) => {
      const entry = fc.oneof(fc.integer({ min: -32, max: 32 }), fc.integer({ min: -2, max: 2 }));
      return fc.array(entry, { minLength: tokens * experts, maxLength: tokens * experts }).map((quarters) => ({
        logits: array(
          quarters.map((q) => q / 4),
          [tokens, experts],
        ),
        k: 1 + (k % experts),
      }));
    });

/** Whether some token has two equal logits, which a permutation of the experts would order differently. */
export const hasTies = (logits: Real): boolean => {
  const [tokens, experts] = logits.shape;
  return Array.from({ length: tokens }, (_, t) => t).some(
    (t) => new Set(Array.from({ length: experts }, (_, e) => logits.get(t, e))).size < experts,
  );
};

export const upload = (t: Engine, a: Real | Bool): Tensor =>
  t.tensor(a.data.slice(), a.shape, a.data instanceof Uint8Array ? 'bool' : t.dtype);

export const uploadLayer = (t: Engine, { router, w1, b1, w2, b2 }: DrawnLayer): MoEParameters => ({
  router: { weight: upload(t, router) },
  fc1: { weight: upload(t, w1), bias: upload(t, b1) },
  fc2: { weight: upload(t, w2), bias: upload(t, b2) },
});

/** The part of a stacked array that belongs to expert e. */
export const partOf = (stacked: Real, e: number): Real => {
  const shape = stacked.shape.slice(1);
  const size = sizeOf(shape);
  return array(stacked.data.subarray(e * size, (e + 1) * size), shape);
};

export const expertsOf = ({ experts, w1, b1, w2, b2 }: DrawnLayer): Expert[] =>
  Array.from({ length: experts }, (_, e) => ({
    fc1: { weight: partOf(w1, e), bias: partOf(b1, e) },
    fc2: { weight: partOf(w2, e), bias: partOf(b2, e) },
  }));
