import { ShapeError } from '../errors.ts';
import { largest, refuseDiverged } from './score.ts';
import type { HeadKind, Output } from './types.ts';

/** The largest output of each example; of equal ones the first. */
export const choicesOf = (outputs: readonly Output[]): Int32Array => Int32Array.from(outputs, largest);

/**
 * @throws ShapeError unless there is one output of `width` numbers for each of `count` examples; DivergedError as
 *   `refuseDiverged`
 */
export const checkOutputs = (
  task: string,
  outputs: readonly Output[],
  count: number,
  width: number,
  head: HeadKind = 'classify',
): void => {
  const odd = outputs.findIndex((output) => output.length !== width);
  if (outputs.length === count && odd === -1) {
    refuseDiverged(`score ${task}`, outputs, head);
    return;
  }
  throw new ShapeError({
    operation: `score ${task}`,
    received: odd === -1 ? `${outputs.length} outputs` : `${outputs[odd].length} numbers for example ${odd}`,
    expected: `${count} outputs of ${width} numbers`,
  });
};
