import { ShapeError } from '../../errors.ts';

/**
 * What every expert of one layer makes of the same tokens.
 *
 * All experts run on all tokens, not only on those routed to them: otherwise two experts would differ because their
 * inputs do. Padding is not in here; who fills the array leaves it out.
 */
export interface ExpertOutputs {
  /** E ≥ 1. */
  readonly experts: number;
  /** n ≥ 0. */
  readonly tokens: number;
  /** Size of one output, ≥ 1. */
  readonly width: number;
  /** [expert, token, width], row-major. */
  readonly data: Float64Array;
}

/** @throws ShapeError if the sizes are no counts or do not multiply to the length of the data */
export function checkOutputs(operation: string, outputs: ExpertOutputs): void {
  const { experts, tokens, width, data } = outputs;
  const counts =
    Number.isSafeInteger(experts) &&
    experts >= 1 &&
    Number.isSafeInteger(tokens) &&
    tokens >= 0 &&
    Number.isSafeInteger(width) &&
    width >= 1;
  if (!counts || data.length !== experts * tokens * width) {
    throw new ShapeError({
      operation,
      received: `experts ${experts}, tokens ${tokens}, width ${width} with ${data.length} numbers`,
      expected: 'at least one expert, a width of at least 1, and experts · tokens · width numbers',
    });
  }
}

/** The outputs of one expert, [token, width]; a view, not a copy. */
export function outputsOf(outputs: ExpertOutputs, expert: number): Float64Array {
  const size = outputs.tokens * outputs.width;
  return outputs.data.subarray(expert * size, (expert + 1) * size);
}
