import { afterAll, describe, expect, it } from 'vitest';
import { ClaimFailed } from '../kit/method.ts';
import { holdLaw, type SectionedLaw } from '../kit/run.ts';
import { LawBroken } from '../kit/settings.ts';
import { Counterexample } from '../laws/law.ts';
import { settingsFor } from '../vitest-suite.ts';
import { faults, lawsAbout, lawsThatCatch } from './faults.ts';
import type { Fault } from './faulty-engine.ts';

/** The laws can fail: each deliberate fault is caught by the laws it was made for, within the default number of draws. */

const settings = { ...settingsFor('property-tests/meta/operations.test.ts'), path: undefined };

/** Whether the law compared, and found a difference: a crash catches nothing. */
const caught = (error: Error | null): boolean =>
  error instanceof LawBroken && (error.cause instanceof Counterexample || error.cause instanceof ClaimFailed);

const breaks = async (fault: Fault, law: SectionedLaw): Promise<Error | null> => {
  const { make, create } = fault.on;
  return holdLaw(law, create(), fault.dtype, settings, { make, shrink: false });
};

describe('deliberate faults are caught', () => {
  const lines: string[] = [];
  for (const fault of faults)
    it(fault.name, async () => {
      const by: string[] = [];
      for (const law of lawsAbout(fault)) {
        if (law.notFor?.(fault.on.create(), fault.dtype)) continue;
        if (caught(await breaks(fault, law))) by.push(law.name);
      }
      lines.push(`${fault.name}\n    ${by.length === 0 ? 'NOT CAUGHT' : by.join('\n    ')}`);
      expect(by).toEqual(expect.arrayContaining(lawsThatCatch(fault).map(({ name }) => name)));
    });
  afterAll(() => console.info(`which law caught which fault\n${lines.join('\n')}`));
});

it('a failure is seen again from its seed and path', async () => {
  const fault = faults.find(({ name }) => name === 'topK breaks ties to the highest index')!;
  const [law] = lawsThatCatch(fault);
  const failure = async (again: { readonly seed?: number; readonly path?: string }) => {
    let found = {};
    const replay = (_: string, seed: number, path: string) => {
      found = { seed, path };
      return 'the same';
    };
    const error = await holdLaw(law, fault.on.create(), fault.dtype, { ...settings, ...again, replay });
    return { found, counterexample: (error!.cause as Error).message };
  };
  const first = await failure({});
  expect((await failure(first.found)).counterexample).toBe(first.counterexample);
});
