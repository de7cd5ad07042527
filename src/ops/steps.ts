import type { Spec } from '../backend.ts';
import { ShapeError } from '../errors.ts';
import { formatSpecs, requireFloat, requireOneDType, sameShape } from '../shape.ts';

/** What optimizer steps share: they take all parameters at once, the operands of one behind those of another. */

/** The operands of a step, parameter by parameter. */
export const perParameter = <T>(operands: readonly T[], each: number): (readonly T[])[] =>
  Array.from({ length: Math.ceil(operands.length / each) }, (_, i) => operands.slice(each * i, each * (i + 1)));

/**
 * The outputs of a step: `results` of the parameter's spec for each parameter.
 * @throws ShapeError unless each parameter has all that is `given` of its shape; DTypeError for anything but floats of one dtype
 */
export function inferSteps(
  operation: string,
  inputs: readonly Spec[],
  given: readonly string[],
  results: number,
): readonly Spec[] {
  const parameters = perParameter(inputs, given.length);
  for (const operands of parameters) {
    requireFloat(operation, operands[0]);
    if (operands.length !== given.length || !operands.every((x) => sameShape(x.shape, operands[0].shape)))
      throw new ShapeError({
        operation,
        received: formatSpecs(operands),
        expected: `for each parameter of one shape: ${given.join(', ')}`,
      });
  }
  requireOneDType(operation, inputs);
  return parameters.flatMap(([{ shape, dtype }]) => Array.from({ length: results }, () => ({ shape, dtype })));
}
