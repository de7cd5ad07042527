import { UsageError } from '../errors.ts';

/** @throws UsageError unless the heads divide the width */
export function requireHeads(operation: string, width: number, heads: number): void {
  if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0)
    throw new UsageError({
      operation,
      received: `width ${width} and ${heads} heads`,
      expected: 'a number of heads that divides the width',
    });
}
