import { foldIn, key, permutation } from '../src/random.ts';

/** Milliseconds of one call, over all samples; or the ratio of two, over all rounds. */
export interface Statistics {
  readonly median: number;
  /** First and third quartile. */
  readonly low: number;
  readonly high: number;
  readonly min: number;
  readonly samples: number;
}

export type Variant = () => Promise<void>;

export interface Plan {
  /** At least so many of each variant. */
  readonly samples: number;
  /** Of the order in each round. */
  readonly seed: number;
}

/** Times variants of one thing in rounds, one after the other in each, so that all see the machine in the same mood. */
export interface Sampler {
  readonly name: string;
  /** [variant][round][sample], in milliseconds. */
  sample(variants: readonly Variant[], plan: Plan): Promise<number[][][]>;
}

/** How many samples of each variant a round takes. */
export const perRound = 3;
export const roundsOf = ({ samples }: Plan): number => Math.ceil(samples / perRound);

/** 0 … n − 1 in an order that the seed and the name give. */
export const shuffled = (n: number, seed: number, name: string | number): number[] => [
  ...permutation(foldIn(key(seed), name), n),
];

/** Linear interpolation between the two nearest. @param sorted ascending, not empty */
export function quantile(sorted: readonly number[], q: number): number {
  const place = q * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (above - below) * (place - Math.floor(place));
}

export function statisticsOf(rounds: readonly (readonly number[])[]): Statistics {
  const sorted = rounds.flat().sort((a, b) => a - b);
  const [low, median, high] = [0.25, 0.5, 0.75].map((q) => quantile(sorted, q));
  return { median, low, high, min: sorted[0], samples: sorted.length };
}

/** The ratio of two variants, round by round: a machine that slows down slows both. [round][sample] each. */
export const ratioOf = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): Statistics =>
  statisticsOf([a.map((round, i) => statisticsOf([round]).median / statisticsOf([b[i]]).median)]);

/** For browsers, where benny does not run: calls in a row for at least 50 ms make a sample. */
export const plainSampler: Sampler = {
  name: 'plain loop',
  async sample(variants, plan) {
    const results: number[][][] = variants.map(() => []);
    const counts: number[] = [];
    const timed = async (run: Variant, count: number) => {
      const start = performance.now();
      for (let i = 0; i < count; i++) await run();
      return performance.now() - start;
    };
    for (const [v, run] of variants.entries()) {
      await timed(run, 1); // compiles
      counts[v] = Math.max(1, Math.ceil(50 / Math.max(0.01, await timed(run, 1))));
    }
    for (let round = 0; round < roundsOf(plan); round++)
      for (const v of shuffled(variants.length, plan.seed, round)) {
        results[v][round] = [];
        for (let i = 0; i < perRound; i++) results[v][round].push((await timed(variants[v], counts[v])) / counts[v]);
      }
    return results;
  },
};
