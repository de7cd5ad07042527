import { ShapeError } from '../errors.ts';
import type { Output, Scores, Task } from './types.ts';

/** The place of the largest number; the first of equals, and NaN counts as the largest, as `Tensor.argmax` has it. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) return i;
    if (values[i] > values[best]) best = i;
  }
  return best;
}

/** The metric that is reported, that `best` means and that early stopping looks at. */
export const mainMetric = (task: Task): string => task.metrics?.[0] ?? task.metric.name;

/**
 * The official metrics of the outputs for `task.dev`, one for each of its examples, in order.
 * @throws ShapeError where they are not equally many
 */
export function scoreTask(task: Task, outputs: readonly Output[], split?: string): Scores {
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
