import { afterAll, describe, it } from 'vitest';
import { conformance, formatBounds, formatClaims, type SuiteOptions } from './index.ts';

/** The kit under vitest, with its settings from the environment. */

const number = (name: string, otherwise: number): number => {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise;
  if (!Number.isFinite(Number(text))) throw new Error(`${name} is ${text}, expected a number`);
  return Number(text);
};

/** What `-t` of vitest takes for one law and no other: a regular expression. */
export const lawPattern = (law: string): string => JSON.stringify(`${law.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);

/** OMOE_RUNS multiplies the draws; OMOE_SEED and OMOE_PATH repeat a failure. */
export const settingsFor = (file: string, runs = 20) => ({
  runs: Math.max(1, Math.round(runs * number('OMOE_RUNS', 1))),
  seed: number('OMOE_SEED', 1),
  path: process.env.OMOE_PATH || undefined,
  replay: (law: string, seed: number, path: string) =>
    `OMOE_SEED=${seed} OMOE_PATH=${path} npx vitest run ${file} -t ${lawPattern(law)}`,
});

interface Given extends Pick<SuiteOptions, 'create' | 'name' | 'dtypes' | 'skip' | 'only' | 'runs' | 'replay'> {
  /** The backend keeps the bits whatever the layout, more than the contract asks. */
  readonly layoutsKeepBits?: boolean;
}

/** Every law on one backend; at the end how much of its bounds it used. */
export function testBackend(file: string, { runs, layoutsKeepBits = false, ...options }: Given): void {
  conformance({
    ...{ describe, it, afterAll },
    ...settingsFor(file, runs),
    report({ bounds, laws }) {
      console.info(formatBounds(bounds));
      console.info(formatClaims(laws));
      const changed = bounds.filter(({ used }) => used.strided).map(({ operation }) => operation);
      if (layoutsKeepBits && changed.length > 0) throw new Error(`layouts change the bits of ${changed.join(', ')}`);
    },
    ...options,
  });
}
