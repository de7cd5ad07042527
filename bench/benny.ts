import benny from 'benny';
import { perRound, roundsOf, type Sampler, shuffled } from './sample.ts';

/** A benny suite a round. For Node; a browser has `plainSampler`. */
export const bennySampler: Sampler = {
  name: 'benny 3.7.1',
  async sample(variants, plan) {
    const results: number[][][] = variants.map(() => []);
    for (let round = 0; round < roundsOf(plan); round++) {
      const order = shuffled(variants.length, plan.seed, round);
      const { results: timed } = await benny.suite(
        `round ${round}`,
        ...order.map((v) =>
          benny.add(String(v), () => variants[v], { minSamples: perRound, maxTime: 0.2, initCount: 1 }),
        ),
      );
      timed.forEach(({ name, details }) => {
        results[Number(name)][round] = details.sampleResults.map((seconds) => seconds * 1000);
      });
    }
    return results;
  },
};
