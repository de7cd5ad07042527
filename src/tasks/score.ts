import { DivergedError, ShapeError } from '../errors.ts';
import type { HeadKind, Output, Scores, Task } from './types.ts';

/** The place of the largest number, the first of equals. There is no NaN among them: see {@link refuseDiverged}. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/**
 * Outputs that say nothing: values that are not finite; logits with NaN or Infinity, or of −Infinity only. A single logit may
 * be −Infinity: what it stands for is ruled out.
 * @throws DivergedError naming the first such example: nothing is its model's choice, and no metric over it means anything
 */
export function refuseDiverged(operation: string, outputs: readonly Output[], head: HeadKind): void {
  for (const [i, output] of outputs.entries()) {
    const found = head === 'regress' ? output.find((value) => !Number.isFinite(value)) : unfitLogit(output);
    if (found !== undefined)
      throw new DivergedError({
        operation,
        received: `${found} for example ${i} (counted from 0)`,
        expected: 'numbers',
        advice: 'The model has diverged: lower the learning rate, or look for the step at which its loss went wrong.',
      });
  }
}

function unfitLogit(logits: Output): number | string | undefined {
  const unfit = logits.find((logit) => Number.isNaN(logit) || logit === Number.POSITIVE_INFINITY);
  const ruledOut = logits.length > 0 && logits.every((logit) => logit === Number.NEGATIVE_INFINITY);
  return ruledOut ? 'only -Infinity' : unfit;
}

/** The metric that is reported, that `best` means and that early stopping looks at. */
export const mainMetric = (task: Task): string => task.metrics?.[0] ?? task.metric.name;

/**
 * The official metrics of the outputs for `task.dev`, one for each of its examples, in order.
 * @throws ShapeError where they are not equally many; DivergedError as {@link refuseDiverged}
 */
export function scoreTask(task: Task, outputs: readonly Output[], split?: string): Scores {
  refuseDiverged(`score ${task.name}`, outputs, task.head ?? 'classify');
  if (task.score) return task.score(outputs, split);
  if (outputs.length !== task.dev.length)
    throw new ShapeError({
      operation: `score ${task.name}`,
      received: `${outputs.length} outputs for ${task.dev.length} dev examples`,
      expected: 'one for each',
    });
  const predicted = outputs.map(largest);
  const labels = task.dev.map(({ label }) => label);
  return { [task.metric.name]: task.metric.evaluate(predicted, labels) };
}
