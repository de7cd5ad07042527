import type { Tensor } from '../../src/tensor.ts';
import type { Settings, Subject } from '../kit/settings.ts';
import type { OperationCase } from '../operations/case.ts';
import { type OperationName, operationNames, operations } from '../operations/index.ts';

/** What a law of the tensor operations is: a named statement that throws where it does not hold. */
export interface Law {
  readonly name: string;
  /** Operation by operation where the law speaks of each, so that one can be run alone. */
  readonly operation?: OperationName;
  /** The working precision that the law is about; both where left out. */
  readonly only?: 'float64';
  /** @throws LawBroken with the counterexample and the command that shows it again */
  hold(subject: Subject, settings: Settings): Promise<void>;
}

type Body = (operation: OperationName, of: OperationCase, subject: Subject, settings: Settings) => Promise<void>;

/** The law for each operation that it speaks of. */
export const forEachOperation = (
  name: string,
  body: Body,
  speaksOf: (of: OperationCase) => boolean = () => true,
): Law[] =>
  operationNames
    .filter((operation) => speaksOf(operations[operation]))
    .map((operation) => ({
      name: `${name}: ${operation}`,
      operation,
      hold: (subject, settings) => body(operation, operations[operation], subject, settings),
    }));

/** Gradients are compared in Float64, where a central difference has ten digits; their code is the same in Float32. */
export const inFloat64 = (laws: readonly Law[]): Law[] => laws.map((law) => ({ ...law, only: 'float64' }));

export const mapInputs = <A, B>(inputs: Readonly<Record<string, A>>, f: (value: A, name: string) => B) =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, f(value, name)]));

/** A statement about drawn tensors that is false. The message says all there is to say. */
export class Counterexample extends Error {
  override readonly name = 'Counterexample';
}

export const allData = (tensors: readonly Tensor[]) => Promise.all(tensors.map((tensor) => tensor.data()));
