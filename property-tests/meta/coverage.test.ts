import { describe, expect, it } from 'vitest';
import { lawsToRun } from '../kit/run.ts';
import { familyOf, faults, lawsThatCatch } from './faults.ts';
import { faults as methodFaults } from './method.faults.ts';

/** No law without a fault that it catches: one that cannot fail says nothing. */

const laws = lawsToRun({});
const needed = new Set([
  ...faults.flatMap((fault) => lawsThatCatch(fault).map(familyOf)),
  ...methodFaults.flatMap(({ caughtBy }) =>
    caughtBy.flatMap((name) => laws.filter((law) => law.name.startsWith(name)).map(familyOf)),
  ),
]);

describe('every law has a fault that it catches', () => {
  it('there are at least 25 of them', () => {
    expect(faults.length + methodFaults.length).toBeGreaterThanOrEqual(25);
  });

  it('and no law is without', () => {
    const families = [...new Set(laws.map(familyOf))];
    expect(families.filter((family) => !needed.has(family))).toEqual([]);
  });
});
