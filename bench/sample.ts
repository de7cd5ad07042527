/** Milliseconds of one call, over all samples. */
export interface Statistics {
  readonly median: number;
  /** First and third quartile. */
  readonly low: number;
  readonly high: number;
  readonly min: number;
  readonly samples: number;
}

/** Times variants of one thing in rounds, one after the other in each, so that all see the machine in the same mood. */
export interface Sampler {
  readonly name: string;
  /** [variant][round][sample], in milliseconds. */
  sample(variants: readonly (() => Promise<void>)[], rounds: number): Promise<number[][][]>;
}

export function statisticsOf(rounds: readonly (readonly number[])[] | readonly number[][]): Statistics {
  const sorted = rounds.flat().sort((a, b) => a - b);
  const quantile = (q: number): number => {
    const place = q * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    return below + (above - below) * (place - Math.floor(place));
  };
  return { median: quantile(0.5), low: quantile(0.25), high: quantile(0.75), min: sorted[0], samples: sorted.length };
}

/** For browsers, where benny does not run: calls in a row for at least 50 ms make a sample, three of them a round. */
export const plainSampler: Sampler = {
  name: 'plain loop',
  async sample(variants, rounds) {
    const results: number[][][] = variants.map(() => []);
    const counts: number[] = [];
    const timed = async (run: () => Promise<void>, count: number) => {
      const start = performance.now();
      for (let i = 0; i < count; i++) await run();
      return performance.now() - start;
    };
    for (const [v, run] of variants.entries()) {
      await timed(run, 1); // compiles
      counts[v] = Math.max(1, Math.ceil(50 / Math.max(0.01, await timed(run, 1))));
    }
    for (let round = 0; round < rounds; round++)
      for (const [v, run] of variants.entries()) {
        const samples: number[] = [];
        for (let i = 0; i < 3; i++) samples.push((await timed(run, counts[v])) / counts[v]);
        results[v].push(samples);
      }
    return results;
  },
};
