import { ShapeError } from '../errors.ts';
import { largest, refuseNaN } from './score.ts';
import type { Output } from './types.ts';

/** The largest output of each example; of equal ones the first. */
export const choicesOf = (outputs: readonly Output[]): Int32Array => Int32Array.from(outputs, largest);

/** @throws ShapeError unless there is one output of `width` numbers for each of `count` examples; DivergedError for NaN */
export const checkOutputs = (task: string, outputs: readonly Output[], count: number, width: number): void => {
  const odd = outputs.findIndex((output) => output.length !== width);
  if (outputs.length === count && odd === -1) {
    refuseNaN(task, outputs);
    return;
  }
  throw new ShapeError({
    operation: `score ${task}`,
    received: odd === -1 ? `${outputs.length} outputs` : `${outputs[odd].length} numbers for example ${odd}`,
    expected: `${count} outputs of ${width} numbers`,
  });
};
