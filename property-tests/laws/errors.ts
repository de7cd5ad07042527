import type { Engine } from '../../src/engine.ts';
import { OmoeError } from '../../src/errors.ts';
import { Tensor } from '../../src/tensor.ts';
import { holdsOnce, type Subject } from '../kit/settings.ts';
import { engineRefusals, type Make, type Refusal, refusals } from '../operations/errors.ts';
import { operationNames } from '../operations/index.ts';
import { Counterexample, type Law } from './law.ts';

/**
 * Bad input is refused by an error that says what was asked, what was given and what is taken; nothing is left broken.
 * What depends on shapes, dtypes and attributes is refused at the call; what depends on data at the call or at the next read.
 */

export const makeOn = (t: Engine): Make => ({
  t,
  f: (...shape) => t.zeros(shape),
  i: (...shape) => t.zeros(shape, 'int32'),
  b: (...shape) => t.zeros(shape, 'int32').astype('bool'),
  ints: (...values) => t.tensor(Int32Array.from(values), [values.length]),
});

/** What the call throws, at once or when its result is read. */
export async function thrownBy(refusal: Refusal, make: Make): Promise<unknown> {
  try {
    const result = await refusal.call(make);
    const tensors = Array.isArray(result) ? result : [result];
    for (const tensor of tensors) if (tensor instanceof Tensor) await tensor.data();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The call as it was written, in one line. */
export const sourceOf = ({ call }: Refusal): string => call.toString().replace(/\s+/g, ' ').slice(0, 160);

async function requireRefused(operation: string, refusal: Refusal, subject: Subject): Promise<void> {
  const t = subject.engine();
  const error = await thrownBy(refusal, makeOn(t));
  const fail = (what: string): never => {
    throw new Counterexample(`${sourceOf(refusal)}\n  ${what}`);
  };
  if (error === undefined) fail(`was not refused, expected ${refusal.error.name}`);
  if (!(error instanceof OmoeError)) fail(`threw ${String(error)}, expected ${refusal.error.name}`);
  const { message, complaint } = error as OmoeError;
  if (!(error instanceof refusal.error))
    fail(`threw ${(error as OmoeError).name}: ${message}, expected ${refusal.error.name}`);
  // What depends on data is found by an operation of the composition, where that ran, and named by it.
  const composed = refusal.error === OmoeError && t.trace().some((line) => line.op === operation && line.composed > 0);
  if (!composed && !complaint.operation.includes(refusal.named ?? operation))
    fail(`names the operation ${complaint.operation}: ${message}`);
  for (const part of refusal.mentions) if (!message.includes(part)) fail(`does not mention ${part}: ${message}`);
  const [one, two] = [t.tensor([1, 2]), t.tensor([3, 4])];
  const sum = await one.add(two).data();
  const [product, gradient] = t.valueAndGrad((x: Tensor) => x.multiply(two).sum())(one);
  if (sum[0] !== 4 || sum[1] !== 6 || (await product.item()) !== 11 || (await gradient.data())[1] !== 4)
    fail(`left the engine broken: [1, 2] + [3, 4] is now [${sum}]`);
}

const refusalLaw = (operation: string, cases: readonly Refusal[]): Law => {
  const name = `errors say what was asked, given and taken: ${operation}`;
  return {
    name,
    hold: (subject, settings) =>
      holdsOnce(name, settings, async () => {
        for (const refusal of cases) await requireRefused(operation, refusal, subject);
      }),
  };
};

export const errorLaws: readonly Law[] = [
  ...operationNames
    .filter((operation) => refusals[operation].length > 0)
    .map((operation) => refusalLaw(operation, refusals[operation])),
  ...engineRefusals.map((refusal, i) => refusalLaw(`${refusal.named} of the engine, case ${i}`, [refusal])),
];
