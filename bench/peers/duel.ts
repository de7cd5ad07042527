import { ratioOf, type Statistics, shuffled, statisticsOf } from '../sample.ts';
import type { Contender } from './contender.ts';

/** Contenders in turn, one sample each a round, so that each ratio is of two samples taken within the same second or so. */

export interface Side {
  readonly name: string;
  readonly contender: Pick<Contender, 'sample'>;
}
export interface Outcome {
  readonly name: string;
  readonly time: Statistics;
  /** Its time over that of the first side, round by round: how many times as fast the first one is. Null for the first. */
  readonly ratio: Statistics | null;
}

/** A sample lasts at least so many milliseconds, by calls in a row: a round trip between processes costs a tenth of one. */
const shortest = 50;
/** Milliseconds before each sample: idle threads of OpenBLAS and OpenMP go on turning for a while after their work is done. */
const usualRest = 60;

export async function duel(
  sides: readonly Side[],
  { samples, seed, rest = usualRest }: { readonly samples: number; readonly seed: number; readonly rest?: number },
): Promise<Outcome[]> {
  const calls: number[] = [];
  for (const { contender } of sides) {
    await contender.sample(2); // compiles, and fills caches
    calls.push(Math.max(1, Math.ceil(shortest / Math.max(0.001, await contender.sample(2)))));
  }
  const times: number[][][] = sides.map(() => []);
  for (let round = 0; round < samples; round++)
    for (const s of shuffled(sides.length, seed, round)) {
      await new Promise((resolve) => setTimeout(resolve, rest));
      times[s].push([await sides[s].contender.sample(calls[s])]);
    }
  return sides.map(({ name }, s) => ({
    name,
    time: statisticsOf(times[s]),
    ratio: s === 0 ? null : ratioOf(times[s], times[0]),
  }));
}
