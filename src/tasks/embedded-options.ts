import { ShapeError, UsageError } from '../errors.ts';
import type { Output } from './types.ts';

/** What the generated tasks without noise take. */
export interface EmbeddedSizes {
  readonly seed: number;
  /** Examples; default 4000 to train on and 512 to measure on. */
  readonly train?: number;
  readonly dev?: number;
  /** Of these, at most so many, sampled by the seed; null or absent takes all. */
  readonly trainLimit?: number | null;
  readonly devLimit?: number | null;
}

/** @throws UsageError for sizes that are no counts */
export const checkSizes = (operation: string, train: number, dev: number): void => {
  const whole = (n: number) => Number.isSafeInteger(n) && n >= 1;
  if (!whole(train) || !whole(dev))
    throw new UsageError({
      operation,
      received: `train ${train}, dev ${dev}`,
      expected: 'whole numbers of examples, at least 1',
    });
};

/** @throws ShapeError unless there is an output for each of `count` examples */
export const checkCount = (operation: string, outputs: readonly Output[], count: number): void => {
  if (outputs.length !== count)
    throw new ShapeError({
      operation,
      received: `${outputs.length} outputs`,
      expected: `${count}, one for each example`,
    });
};
