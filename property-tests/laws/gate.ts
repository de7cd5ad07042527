import fc from 'fast-check';
import { array, boolArray, type Real, toFlat } from '../../spec/array.ts';
import { topKGate as gateByDefinition } from '../../spec/method/gate.ts';
import { compound, gamma } from '../../spec/rounding/model.ts';
import { drawnLogits, masks, upload } from '../arbitraries/experts.ts';
import { claim, claimEqual, law, type MethodLaw, type MethodSubject, precisionOf } from '../kit/method.ts';
import { gateRelative, reference, softmaxRelative } from '../kit/method-bounds.ts';

/** Law 7. */

const rowOf = (z: Real, t: number): number[] => Array.from({ length: z.shape[1] }, (_, e) => z.get(t, e));

/** The experts of one row by descending logit, ties to the lowest index: a stable sort. */
const ranked = (z: readonly number[]): number[] => [...z.keys()].sort((a, b) => z[b] - z[a] || a - b);

/** Two sides with relative errors a and b differ by (a + b) of the exact value, of which only one side is at hand: a·b more. */
const secondOrder = 1.01;

async function gateOf({ t, method }: MethodSubject, logits: Real, k: number, renormalize?: boolean) {
  const gate = method.topKGate(upload(t, logits), { k, renormalize });
  const [chosen, gates, probabilities] = await Promise.all([
    gate.chosen.data(),
    gate.gates.data(),
    gate.probabilities.data(),
  ]);
  return { chosen, gates, probabilities };
}

const largestKept = law('gate: the k largest are chosen, ties to the lowest', drawnLogits(), async (subject, drawn) => {
  const { logits, k } = drawn;
  const { chosen, gates } = await gateOf(subject, logits, k);
  const expected = Array.from({ length: logits.shape[0] }, (_, t) => ranked(rowOf(logits, t)).slice(0, k)).flat();
  claimEqual(chosen, expected, 'chosen [token, slot]');
  // e^−16, the smallest share two logits can have, is far above the underflow of either precision.
  claim(gates.length === expected.length && gates.every((g) => g > 0), () => `gates are k positive numbers: ${gates}`);
});

/**
 * Σ ê_i/Ŝ: the errors of the exponentials cancel, as Ŝ is the sum of the very same ê_i up to γ_{k−1}; the division is off by
 * δ, and by the reciprocal one rounding more: |Σ g − 1| ≤ (1 + γ_k)(1 + δ) − 1. Our own sum here is in Float64.
 */
const sumToOne = law(
  'gate: renormalised gates sum to 1',
  drawnLogits(),
  async (subject, { logits, k }, { claimWithin }) => {
    const { u, ulps } = precisionOf(subject);
    const relative = compound(gamma(k, u), 2 * ulps.divide * u);
    const { gates } = await gateOf(subject, logits, k, true);
    for (let t = 0; t < logits.shape[0]; t++) {
      const sum = Array.from(gates.subarray(t * k, (t + 1) * k)).reduce((total, g) => total + g, 0);
      claimWithin([sum], [1], relative + gamma(k, 2 ** -53), `Σ gates of token ${t}`);
    }
  },
);

/**
 * Equal logits and k a power of two: every exponential is the same number e, the sum is k·e, and neither it nor e/(k·e) = 1/k
 * has a rounding. A division that is not correctly rounded may still be off by δ.
 */
const exactShares = law(
  'gate: k equal logits get 1/k each, exactly where division is',
  fc.tuple(fc.constantFrom(1, 2, 4), fc.integer({ min: 4, max: 6 }), fc.integer({ min: -32, max: 32 })),
  async (subject, [k, experts, quarters], { claimWithin }) => {
    const logits = array(new Array<number>(experts).fill(quarters / 4), [1, experts]);
    const { chosen, gates } = await gateOf(subject, logits, k, true);
    const { u, ulps } = precisionOf(subject);
    const bound = ulps.divide > 0.5 ? (2 * ulps.divide * u) / k : 0;
    claimWithin(gates, new Array<number>(k).fill(1 / k), bound, 'gates');
    claimEqual(chosen, [...new Array(k).keys()], 'chosen');
  },
);

const allExperts = law(
  'gate: k = E is the dense mixture',
  drawnLogits(),
  async (subject, { logits }, { claimWithin }) => {
    const [tokens, experts] = logits.shape;
    for (const renormalize of [true, false]) {
      const { chosen, gates, probabilities } = await gateOf(subject, logits, experts, renormalize);
      for (let t = 0; t < tokens; t++) {
        const z = rowOf(logits, t);
        const precision = precisionOf(subject);
        const relative = gateRelative(z, ranked(z), renormalize, precision) + softmaxRelative(z, precision);
        for (let slot = 0; slot < experts; slot++) {
          const p = probabilities[t * experts + chosen[t * experts + slot]];
          claimWithin([gates[t * experts + slot]], [p], relative * p * secondOrder, `gate of token ${t}, slot ${slot}`);
        }
      }
    }
  },
);

/** Both logits are exact, and so is their difference to the largest: each side is off by its own bound and no more. */
const shiftInvariant = law(
  'gate: a constant added to all logits changes nothing',
  fc.tuple(drawnLogits(), fc.integer({ min: -4096, max: 4096 }), fc.boolean()),
  async (subject, [{ logits, k }, quarters, renormalize], { claimWithin }) => {
    const moved = array(
      toFlat(logits).map((z) => z + quarters / 4),
      logits.shape,
    );
    const [here, there] = [await gateOf(subject, logits, k, renormalize), await gateOf(subject, moved, k, renormalize)];
    claimEqual(there.chosen, here.chosen, 'chosen');
    for (let t = 0; t < logits.shape[0]; t++) {
      const relative = [logits, moved].reduce((sum, z) => {
        const values = rowOf(z, t);
        return sum + gateRelative(values, ranked(values).slice(0, k), renormalize, precisionOf(subject));
      }, 0);
      for (let slot = t * k; slot < (t + 1) * k; slot++)
        claimWithin(
          [there.gates[slot]],
          [here.gates[slot]],
          secondOrder * relative * here.gates[slot],
          `gate [${slot}]`,
        );
    }
  },
);

const definition = law(
  'gate: equals its definition',
  fc
    .tuple(drawnLogits(), fc.option(fc.boolean(), { nil: undefined }))
    .chain(([drawn, renormalize]) => masks(drawn.logits.shape[0]).map((mask) => ({ ...drawn, renormalize, mask }))),
  async (subject, { logits, k, renormalize, mask }, { claimWithin }) => {
    const exact = gateByDefinition(logits, k, { renormalize, mask });
    const gate = subject.method.topKGate(upload(subject.t, logits), {
      k,
      renormalize,
      mask: upload(subject.t, boolArray(toFlat(mask))),
    });
    const [chosen, gates, probabilities] = await Promise.all([
      gate.chosen.data(),
      gate.gates.data(),
      gate.probabilities.data(),
    ]);
    claimEqual(chosen, toFlat(exact.chosen), 'chosen');
    const [tokens, experts] = logits.shape;
    for (let t = 0; t < tokens; t++) {
      if (mask.get(t) === 0) {
        claimEqual(gates.subarray(t * k, (t + 1) * k), new Array<number>(k).fill(0), `gates of padding ${t}`);
        continue;
      }
      const z = rowOf(logits, t);
      const kept = ranked(z).slice(0, k);
      const sides = [precisionOf(subject), reference];
      const relative = sides.reduce((sum, side) => sum + gateRelative(z, kept, renormalize ?? k > 1, side), 0);
      kept.forEach((e, slot) => {
        const g = exact.gates.get(t, e);
        claimWithin([gates[t * k + slot]], [g], relative * g * secondOrder, `gate of token ${t}, slot ${slot}`);
      });
      const dense = sides.reduce((sum, side) => sum + softmaxRelative(z, side), 0);
      for (let e = 0; e < experts; e++) {
        const p = exact.probabilities.get(t, e);
        claimWithin([probabilities[t * experts + e]], [p], dense * p * secondOrder, `probability [${t}, ${e}]`);
      }
    }
  },
);

export const gateLaws: readonly MethodLaw[] = [
  largestKept,
  sumToOne,
  exactShares,
  allExperts,
  shiftInvariant,
  definition,
];
