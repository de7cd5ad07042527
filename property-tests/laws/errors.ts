import fc from 'fast-check';
import type { Engine } from '../../src/engine.ts';
import { OmoeError } from '../../src/errors.ts';
import { Tensor } from '../../src/tensor.ts';
import { holds, type Subject } from '../kit/settings.ts';
import { engineRefusals, type Make, type Refusal, refusals } from '../operations/errors.ts';
import { operationNames } from '../operations/index.ts';
import { Counterexample, type Law } from './law.ts';

/** Bad input is refused by an error that says what was asked, what was given and what is taken; nothing is left broken. */

const makeOn = (t: Engine): Make => ({
  t,
  f: (...shape) => t.zeros(shape),
  i: (...shape) => t.zeros(shape, 'int32'),
  b: (...shape) => t.zeros(shape, 'int32').astype('bool'),
  ints: (...values) => t.tensor(Int32Array.from(values), [values.length]),
});

/** What the call throws, at once or when its result is read. */
async function thrownBy(refusal: Refusal, make: Make): Promise<unknown> {
  try {
    const result = await refusal.call(make);
    const tensors = Array.isArray(result) ? result : [result];
    for (const tensor of tensors) if (tensor instanceof Tensor) await tensor.data();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function requireRefused(operation: string, refusal: Refusal, subject: Subject): Promise<void> {
  const t = await subject.engine({ dtype: subject.dtype });
  const source = refusal.call.toString().replace(/\s+/g, ' ').slice(0, 160);
  const error = await thrownBy(refusal, makeOn(t));
  const fail = (what: string): never => {
    throw new Counterexample(`${source}\n  ${what}`);
  };
  if (error === undefined) fail(`was not refused, expected ${refusal.error.name}`);
  if (!(error instanceof OmoeError)) fail(`threw ${String(error)}, expected ${refusal.error.name}`);
  const { message, complaint } = error as OmoeError;
  if (!(error instanceof refusal.error))
    fail(`threw ${(error as OmoeError).name}: ${message}, expected ${refusal.error.name}`);
  if (!complaint.operation.includes(refusal.named ?? operation))
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
      holds(name, { ...settings, runs: 1 }, fc.constant(null), async () => {
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
