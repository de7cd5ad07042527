import fc from 'fast-check';
import { type Bool, fromFunction, type Real } from '../../spec/array.ts';
import { topKGate as gateByDefinition, realTokens } from '../../spec/method/gate.ts';
import { routerZLoss, switchBalanceLoss, topKBalanceLoss } from '../../spec/method/losses.ts';
import { drawnLogits, masks, upload } from '../arbitraries/experts.ts';
import { law, type MethodLaw, type MethodSubject, precisionOf } from '../kit/method.ts';
import { balanceRelative, reference, routerZBound } from '../kit/method-bounds.ts';

/** Law 11, and the losses against their definitions (law 10). */

async function lossesOf({ t, method }: MethodSubject, logits: Real, k: number, mask?: Bool) {
  const uploaded = mask && upload(t, mask);
  const gate = method.topKGate(upload(t, logits), { k, mask: uploaded });
  const [switched, topK, z] = await Promise.all([
    method.switchBalance(gate, uploaded).item(),
    method.topKBalance(gate, uploaded).item(),
    method.routerZ(gate, uploaded).item(),
  ]);
  return { switched, topK, z };
}

/**
 * Token t has the base logits shifted by t places, and there are E tokens (or a multiple): each expert is asked equally often
 * for every k, and its mean probability is 1/E.
 */
const balanced = fc
  .uniqueArray(fc.integer({ min: -16, max: 16 }), { minLength: 1, maxLength: 6 })
  .chain((base) =>
    fc.record({
      base: fc.constant(base),
      k: fc.integer({ min: 1, max: base.length }),
      rounds: fc.integer({ min: 1, max: 2 }),
    }),
  )
  .map(({ base, k, rounds }) => {
    const E = base.length;
    return { k, logits: fromFunction([rounds * E, E], ([t, e]) => base[(e + t) % E] / 4) };
  });

const oneAtBalance = law(
  'losses: 1 at equal loads and equal mean probabilities',
  balanced,
  async (subject, drawn, { claimWithin }) => {
    const { switched, topK } = await lossesOf(subject, drawn.logits, drawn.k);
    const bound = balanceRelative(drawn.logits, precisionOf(subject));
    claimWithin([switched, topK], [1, 1], bound, '[switch, top-k] balance');
  },
);

/** A first choice has p ≥ 1/E, so P_e ≥ f_e/E and E Σ f_e P_e ≥ Σ f_e² ≥ 1/E; all tokens on one expert give at most E. */
const switchRange = law(
  'losses: switch balance lies between 1/E and E',
  drawnLogits(),
  async (subject, drawn, { claimAtMost }) => {
    const [tokens, experts] = drawn.logits.shape;
    if (tokens === 0) return;
    const { switched } = await lossesOf(subject, drawn.logits, drawn.k);
    const relative = balanceRelative(drawn.logits, precisionOf(subject));
    claimAtMost(switched, experts, relative * experts, 'switch balance');
    claimAtMost(-switched, -1 / experts, relative / experts, '−switch balance');
  },
);

const withMasks = drawnLogits({ tokens: 8, experts: 5 }).chain((drawn) =>
  masks(drawn.logits.shape[0]).map((mask) => ({ ...drawn, mask })),
);

const definitions = law(
  'losses: equal their definitions',
  withMasks,
  async (subject, { logits, k, mask }, { claimWithin }) => {
    const computed = await lossesOf(subject, logits, k, mask);
    const gate = gateByDefinition(logits, k, { mask });
    const exact = [switchBalanceLoss(gate, mask), topKBalanceLoss(gate, mask), routerZLoss(logits, mask)];
    const real = realTokens(logits.shape[0], mask);
    const sides = [precisionOf(subject), reference];
    const relative = sides.reduce((sum, side) => sum + balanceRelative(logits, side), 0);
    const bounds = [
      1.01 * relative * exact[0], // 1.01: the second order of two relative errors
      1.01 * relative * exact[1],
      sides.reduce((sum, side) => sum + routerZBound(logits, real, side), 0),
    ];
    claimWithin([computed.switched, computed.topK, computed.z], exact, bounds, '[switch, top-k, z]');
  },
);

const paddingUnseen = law(
  'losses: padding changes none of them',
  fc.tuple(withMasks, fc.constantFrom(1, 1000, Number.NaN, Infinity)),
  async (subject, [{ logits, k, mask }, scale], { claimWithin }) => {
    if (!Number.isFinite(scale) && !subject.t.backend.promises.specialValues) return;
    const real = realTokens(logits.shape[0], mask);
    const alone = fromFunction([real.length, logits.shape[1]], ([i, e]) => logits.get(real[i], e));
    const padded = fromFunction(logits.shape, ([t, e]) =>
      mask.get(t) ? logits.get(t, e) : scale * (1 + logits.get(t, e)),
    );
    const [with_, without] = [await lossesOf(subject, padded, k, mask), await lossesOf(subject, alone, k)];
    const precision = precisionOf(subject);
    // The padded side adds more rows, hence its N; the values that are bounded are those of the tokens.
    const clean = fromFunction(logits.shape, ([t, e]) => (mask.get(t) ? logits.get(t, e) : 0));
    const relative = balanceRelative(clean, precision) + balanceRelative(alone, precision);
    claimWithin(
      [with_.switched, with_.topK, with_.z],
      [without.switched, without.topK, without.z],
      [
        1.01 * relative * without.switched,
        1.01 * relative * without.topK,
        routerZBound(clean, real, precision) +
          routerZBound(
            alone,
            real.map((_, i) => i),
            precision,
          ),
      ],
      '[switch, top-k, z]',
    );
  },
);

export const lossLaws: readonly MethodLaw[] = [oneAtBalance, switchRange, definitions, paddingUnseen];
