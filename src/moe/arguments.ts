import { requireSpec } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { type Activation, activationNames } from '../ops/linear.ts';
import type { Tensor } from '../tensor.ts';

/** Checks that the layers share. */

/** @throws UsageError for a name that is none of them */
export function requireActivation(operation: string, activation: Activation): void {
  if (!activationNames.includes(activation))
    throw new UsageError({
      operation,
      received: `activation ${activation}`,
      expected: `one of ${activationNames.join(', ')}`,
    });
}

/** A mask that is there is bool [token], and never broadcast. @throws UsageError, DTypeError, ShapeError */
export function requireMask(operation: string, mask: Tensor | undefined, tokens: number): void {
  if (mask !== undefined) requireSpec(operation, 'mask', mask, 'bool', [tokens], '[token]');
}
