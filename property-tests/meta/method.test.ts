import { afterAll, describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { ClaimFailed, type Method } from '../kit/method.ts';
import { holdLaw } from '../kit/run.ts';
import { LawBroken } from '../kit/settings.ts';
import type { Law } from '../laws/law.ts';
import { sectionsOf } from '../laws/method.ts';
import { settingsFor } from '../vitest-suite.ts';
import { faults } from './method.faults.ts';

/** The laws of the method tested: each deliberate mistake has to be caught by them, in as many draws as they get by default. */

const settings = { ...settingsFor('property-tests/meta/method.test.ts'), path: undefined };

const lawOf = (method: Method, name: string): Law => {
  const found = sectionsOf(method).flatMap(({ laws }) => laws.filter((law) => law.name.startsWith(name)));
  if (found.length !== 1) throw new Error(`${found.length} laws begin with "${name}"`);
  return found[0];
};

/** A crash catches nothing: the law has to have compared, and found a difference; or, where it has to find one, none. */
const caught = (error: Error | null): boolean =>
  error instanceof LawBroken && (error.cause === undefined || error.cause instanceof ClaimFailed);

describe('every fault of the method is caught', () => {
  const lines: string[] = [];
  for (const { name, method, caughtBy } of faults)
    it(name, async () => {
      for (const wanted of caughtBy) {
        const law = lawOf(method, wanted);
        const error = await holdLaw(law, cpu(), 'float64', settings, { shrink: false });
        lines.push(`${name.padEnd(62)} ${caught(error) ? 'caught by' : 'NOT CAUGHT by'}  ${law.name}`);
        expect(caught(error), `"${law.name}" did not catch "${name}": ${error?.message ?? 'it holds'}`).toBe(true);
      }
    });
  afterAll(() => {
    process.stdout.write(`${lines.join('\n')}\n`);
  });
});
