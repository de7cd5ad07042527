import { ShapeError, UsageError } from '../../errors.ts';

/** What the router of one layer did with n tokens. */
export interface RoutingRecord {
  /** n ≥ 0, padding included. */
  readonly tokens: number;
  /** E ≥ 1. */
  readonly experts: number;
  /** k, slots a token has. */
  readonly topK: number;
  /** [token, expert], softmax of the router's logits over all experts. */
  readonly probabilities: Float64Array;
  /** [token, k], the expert of each slot, best first; −1 for a slot that is padded or was dropped. */
  readonly chosen: Int32Array;
  /**
   * [token], 1 for a token, 0 for padding. Without it a token none of whose slots has an expert is taken for padding;
   * give it where a capacity can drop all slots of a real token.
   */
  readonly mask?: ArrayLike<number>;
}

export interface RoutingMeasures {
  /** Mean over tokens of H(p_t), in nats: 0 when the router is certain, ln E when it does not care. */
  readonly entropy: number;
  /** H(load/Σload), in nats: ln E when all experts work equally much. */
  readonly loadEntropy: number;
  /** Coefficient of variation of the loads, √(population variance)/mean. */
  readonly loadCv: number;
  /** MaxVio = (max load − mean load)/mean load. */
  readonly maxViolation: number;
  /** How many experts got no slot. */
  readonly deadExperts: number;
  /** [expert], slots that each expert got. */
  readonly load: number[];
  /** [expert][expert], tokens that chose both; symmetric, with the load on the diagonal. All k(k − 1)/2 pairs of a token count. */
  readonly coactivation: number[][];
}

/**
 * How the router spreads its tokens. Padding changes none of it.
 *
 * Nothing to measure is NaN, not 0: with no tokens `entropy` is NaN; with no filled slot `loadEntropy`, `loadCv` and
 * `maxViolation` are NaN, the counts are 0 and all E experts are dead. A NaN probability makes `entropy` NaN.
 *
 * @throws ShapeError if sizes and data disagree
 * @throws UsageError if a slot names no expert, a token names one twice, or the probabilities of a token do not sum to 1
 */
export function routingMeasures(record: RoutingRecord): RoutingMeasures {
  checkShapes(record);
  const { tokens, experts, topK, probabilities, chosen, mask } = record;
  const load = new Array<number>(experts).fill(0);
  const coactivation = Array.from({ length: experts }, () => new Array<number>(experts).fill(0));
  let entropySum = 0;
  let measured = 0;

  for (let t = 0; t < tokens; t++) {
    const slots = filledSlots(chosen.subarray(t * topK, (t + 1) * topK), t, experts);
    const present = mask === undefined ? slots.length > 0 : mask[t] !== 0;
    if (!present) continue;
    measured++;
    entropySum += tokenEntropy(probabilities.subarray(t * experts, (t + 1) * experts), t);
    for (const i of slots) {
      load[i]++;
      for (const j of slots) coactivation[i][j]++;
    }
  }
  return { entropy: entropySum / measured, ...loadMeasures(load), load, coactivation };
}

/** Entropy, CV, MaxVio and dead experts of the loads; 0/0 makes the first three NaN when nothing was routed. */
function loadMeasures(load: readonly number[]) {
  const slots = load.reduce((sum, l) => sum + l, 0);
  const mean = slots / load.length;
  const variance = load.reduce((sum, l) => sum + (l - mean) ** 2, 0) / load.length;
  const largest = load.reduce((most, l) => Math.max(most, l), 0);
  return {
    loadEntropy: load.reduce((sum, l) => sum + surprise(l / slots), 0),
    loadCv: Math.sqrt(variance) / mean,
    maxViolation: (largest - mean) / mean,
    deadExperts: load.filter((l) => l === 0).length,
  };
}

/** −p ln p, with its limit 0 at p = 0. */
function surprise(p: number): number {
  return p === 0 ? 0 : -p * Math.log(p);
}

function tokenEntropy(p: Float64Array, token: number): number {
  let sum = 0;
  let entropy = 0;
  let least = 0;
  for (const value of p) {
    sum += value;
    least = Math.min(least, value);
    entropy += surprise(value);
  }
  // Far wider than the rounding of any softmax; it is there to catch logits handed in by mistake. NaN passes and shows.
  if (least < 0 || Math.abs(sum - 1) > 1e-3) {
    throw new UsageError({
      operation: 'routingMeasures',
      received: `probabilities of token ${token} that sum to ${sum}, the least of them ${least}`,
      expected: 'numbers from 0 to 1 that sum to 1',
      advice: 'Pass the softmax over all experts, not the logits and not the gate weights.',
    });
  }
  return entropy;
}

/** The experts of one token, without the empty slots. */
function filledSlots(slots: Int32Array, token: number, experts: number): number[] {
  const filled: number[] = [];
  for (const expert of slots) {
    if (expert === -1) continue;
    if (expert < 0 || expert >= experts || filled.includes(expert)) {
      throw new UsageError({
        operation: 'routingMeasures',
        received: `experts [${slots.join(', ')}] for token ${token}`,
        expected: `different experts from 0 to ${experts - 1}, or -1 for an empty slot`,
      });
    }
    filled.push(expert);
  }
  return filled;
}

function checkShapes({ tokens, experts, topK, probabilities, chosen, mask }: RoutingRecord): void {
  const count = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;
  const fits =
    count(tokens, 0) &&
    count(experts, 1) &&
    count(topK, 1) &&
    topK <= experts &&
    probabilities.length === tokens * experts &&
    chosen.length === tokens * topK &&
    (mask === undefined || mask.length === tokens);
  if (!fits) {
    throw new ShapeError({
      operation: 'routingMeasures',
      received:
        `tokens ${tokens}, experts ${experts}, topK ${topK} with ${probabilities.length} probabilities, ` +
        `${chosen.length} slots${mask === undefined ? '' : `, a mask of ${mask.length}`}`,
      expected: '1 ≤ topK ≤ experts, [token, expert] probabilities, [token, topK] slots and a [token] mask, if any',
    });
  }
}
