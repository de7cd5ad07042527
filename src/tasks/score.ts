import { DivergedError, ShapeError } from '../errors.ts';
import type { Output, Scores, Task } from './types.ts';

/** The place of the largest number, the first of equals. There is no NaN among them: see {@link refuseNaN}. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** @throws DivergedError naming the first example with a NaN: no class is its model's choice, and no metric over it means anything */
export const refuseNaN = (task: string, outputs: readonly Output[]): void => {
  const bad = outputs.findIndex((output) => output.some(Number.isNaN));
  if (bad === -1) return;
  throw new DivergedError({
    operation: `score ${task}`,
    received: `NaN for example ${bad} (counted from 0)`,
    expected: 'numbers',
    advice: 'The model has diverged: lower the learning rate, or look for the step at which its loss went wrong.',
  });
};

/** The metric that is reported, that `best` means and that early stopping looks at. */
export const mainMetric = (task: Task): string => task.metrics?.[0] ?? task.metric.name;

/**
 * The official metrics of the outputs for `task.dev`, one for each of its examples, in order.
 * @throws ShapeError where they are not equally many; DivergedError naming an example whose output has a NaN
 */
export function scoreTask(task: Task, outputs: readonly Output[], split?: string): Scores {
  refuseNaN(task.name, outputs);
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
