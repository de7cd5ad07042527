import { it } from 'vitest';
import { cpu } from '../backends/cpu/index.ts';
import { engine } from '../src/engine.ts';
import { type MethodLaw, type MethodSubject, theMethod } from './kit/method.ts';
import type { Settings } from './kit/settings.ts';

/**
 * Runs laws under vitest, on the CPU backend in both precisions. The environment: OMOE_RUNS multiplies the draws, OMOE_SEED
 * is the seed, and OMOE_LAW with OMOE_PATH replays one draw of one law; a failure prints the line to type.
 */

export const cpuSubject = (dtype: 'float32' | 'float64'): MethodSubject => ({
  t: engine(cpu(), { dtype }),
  method: theMethod,
});

const { OMOE_RUNS = '1', OMOE_SEED = '2310', OMOE_LAW, OMOE_PATH } = process.env;

export const settingsOf = (runs: number, replay?: Settings['replay']): Settings => ({
  runs: Math.max(1, Math.round(runs * Number(OMOE_RUNS))),
  seed: Number(OMOE_SEED),
  path: OMOE_PATH,
  replay,
});

type FloatType = 'float32' | 'float64';

/** One test for each law and precision. */
export function runLaws(
  laws: readonly MethodLaw[],
  runs: number,
  dtypes: readonly FloatType[] = ['float32', 'float64'],
): void {
  for (const law of laws)
    for (const dtype of dtypes) {
      const name = `${law.name} (${dtype})`;
      const replay = (_: string, seed: number, path: string) =>
        `OMOE_SEED=${seed} OMOE_PATH=${path} OMOE_LAW='${name}' OMOE_RUNS=${OMOE_RUNS} npx vitest run property-tests/method`;
      it.skipIf(OMOE_LAW !== undefined && OMOE_LAW !== name)(name, () =>
        law.hold(cpuSubject(dtype), settingsOf(runs, replay)),
      );
    }
}
