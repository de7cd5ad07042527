import { lawsToRun, type SectionedLaw } from '../kit/run.ts';
import { faults as autograd } from './autograd.faults.ts';
import { faults as backend } from './backend.faults.ts';
import type { Fault } from './faulty-engine.ts';
import { faults as operations } from './operations.faults.ts';

/** All deliberate faults of backends, operations and gradients, and the laws that they concern. */

export const faults: readonly Fault[] = [...backend, ...operations, ...autograd];

const laws = lawsToRun({});

const namesOf = ({ caughtBy, operation }: Fault): string[] =>
  (typeof caughtBy === 'string' ? [caughtBy] : caughtBy).map((name) =>
    laws.some((law) => law.name === name) ? name : `${name}: ${operation}`,
  );

/** Those that have to catch it. @throws Error for one that is no law */
export const lawsThatCatch = (fault: Fault): SectionedLaw[] =>
  namesOf(fault).map((name) => {
    const law = laws.find((each) => each.name === name);
    if (!law) throw new Error(`the fault "${fault.name}" names ${name}, which is no law`);
    return law;
  });

/** Those that may: the ones that speak of its operation besides. */
export const lawsAbout = (fault: Fault): SectionedLaw[] => {
  const named = lawsThatCatch(fault);
  return [
    ...named,
    ...laws.filter((law) => law.operation && law.operation === fault.operation && !named.includes(law)),
  ];
};

/** A law without the operation or the example that it speaks of: `law 10, equals its definition`. */
export function familyOf({ name, operation }: { readonly name: string; readonly operation?: string }): string {
  if (operation && name.endsWith(`: ${operation}`)) return name.slice(0, -operation.length - 2);
  return /^(stated|hostile floats|errors say)/.test(name) ? name.split(': ')[0] : name;
}
