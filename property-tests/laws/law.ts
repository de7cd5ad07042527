import type { Backend } from '../../src/backend.ts';
import type { Tensor } from '../../src/tensor.ts';
import type { FloatType } from '../arbitraries/values.ts';
import type { Settings, Subject } from '../kit/settings.ts';
import type { OperationCase } from '../operations/case.ts';
import { type OperationName, operationNames, operations } from '../operations/index.ts';

/** A named statement about a backend that throws where it does not hold. */
export interface Law {
  readonly name: string;
  /** Operation by operation where the law speaks of each, so that one can be run alone. */
  readonly operation?: OperationName;
  /** Kept by backends that declare so, and not asked of the others. */
  readonly optional?: boolean;
  /** It speaks of computations on the host: one precision of the engine is as good as another. */
  readonly once?: boolean;
  /** Why it says nothing of this backend in this precision; null where it does. Never silent: the reason is reported. */
  notFor?(backend: Backend, dtype: FloatType): string | null;
  /** @throws LawBroken with the counterexample and the command that shows it again */
  hold(subject: Subject, settings: Settings): Promise<void>;
}

type Body = (operation: OperationName, of: OperationCase, subject: Subject, settings: Settings) => Promise<void>;

/** The law for each operation that it speaks of. */
export const forEachOperation = (
  name: string,
  body: Body,
  speaksOf: (of: OperationCase, operation: OperationName) => boolean = () => true,
): Law[] =>
  operationNames
    .filter((operation) => speaksOf(operations[operation], operation))
    .map((operation) => ({
      name: `${name}: ${operation}`,
      operation,
      hold: (subject, settings) => body(operation, operations[operation], subject, settings),
    }));

type Condition = (backend: Backend, dtype: FloatType, law: Law) => string | null;

/** The laws, where a condition allows them; it gives the reason where it does not. */
export const only = (laws: readonly Law[], condition: Condition): Law[] =>
  laws.map((law) => ({
    ...law,
    notFor: (backend, dtype) => law.notFor?.(backend, dtype) ?? condition(backend, dtype, law),
  }));

/** Optional laws: of backends that make the promise. */
export const promised = (laws: readonly Law[], promise: 'repeatable' | 'specialValues'): Law[] =>
  only(laws, (backend) => (backend.promises[promise] ? null : `the backend does not declare promises.${promise}`)).map(
    (law) => ({ ...law, optional: true }),
  );

export const mapInputs = <A, B>(inputs: Readonly<Record<string, A>>, f: (value: A, name: string) => B) =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, f(value, name)]));

/** A statement about drawn tensors that is false. The message says all there is to say. */
export class Counterexample extends Error {
  override readonly name = 'Counterexample';
}

/** States what a law claims of drawn tensors. @throws Counterexample */
export function state(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new Counterexample(message());
}

export const allData = (tensors: readonly Tensor[]) => Promise.all(tensors.map((tensor) => tensor.data()));
