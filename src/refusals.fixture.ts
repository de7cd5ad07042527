import { expect } from 'vitest';
import { OmoeError } from './errors.ts';

/** One bad call: the operation that must be named, the class, the call, and what the message must mention. */
export type Refusal = readonly [
  operation: string,
  error: new (...given: never[]) => Error,
  call: () => unknown,
  mentions: readonly string[],
];

/** Expects a call to be refused in the house form. */
export function expectRefusal(...[operation, error, call, mentions]: Refusal): void {
  let thrown: unknown;
  try {
    call();
  } catch (caught) {
    thrown = caught;
  }
  expect(thrown).toBeInstanceOf(error);
  expect(thrown).toBeInstanceOf(OmoeError);
  const { complaint, message } = thrown as OmoeError;
  expect(complaint.operation).toBe(operation);
  for (const part of mentions) expect(message).toContain(part);
}
