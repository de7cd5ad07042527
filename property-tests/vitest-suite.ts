import { afterAll, describe, it } from 'vitest';
import { BoundUsage, type Settings, type Subject } from './kit/settings.ts';
import { lawsFor } from './laws/index.ts';

/** Runs the laws under vitest. The laws themselves know no test runner. */

const number = (name: string, otherwise: number): number => {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise;
  if (!Number.isFinite(Number(text))) throw new Error(`${name} is ${text}, expected a number`);
  return Number(text);
};

/** From the environment: OMOE_RUNS multiplies the draws, OMOE_SEED and OMOE_PATH repeat a failure. */
export function settingsFor(file: string, usage?: BoundUsage): Settings {
  return {
    runs: Math.max(1, Math.round(20 * number('OMOE_RUNS', 1))),
    seed: number('OMOE_SEED', 1),
    path: process.env.OMOE_PATH || undefined,
    replay: (law, seed, path) => `OMOE_SEED=${seed} OMOE_PATH=${path} npx vitest run ${file} -t "${law}$"`,
    usage,
  };
}

/** Every law of the tensor operations on one backend in one precision; at the end how much of its bounds it used. */
export function testOperations(subject: Subject): void {
  const usage = new BoundUsage();
  const settings = settingsFor(`property-tests/${subject.name}-${subject.dtype}.test.ts`, usage);
  describe(`${subject.name} ${subject.dtype}`, () => {
    for (const law of lawsFor(subject)) it(law.name, () => law.hold(subject, settings));
    afterAll(() => console.info(usage.table()));
  });
}
