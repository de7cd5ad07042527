import { mainMetric, scoreTask } from './score.ts';
import type { Output, Task } from './types.ts';

/**
 * What the reported metric gives to one answer for all dev examples, the one that most training examples have (the first of
 * equals): a model that scores no more has learnt nothing of the task but how often each answer occurs.
 *
 * @returns null where an answer is not one of a few: values, tags, spans
 */
export function constantScore(task: Task): number | null {
  const { head = 'classify', classes, choices = 0, train } = task;
  if (head !== 'classify' && head !== 'choose') return null;
  const counts = new Array<number>(head === 'classify' ? classes.length : choices).fill(0);
  for (const { label } of train) counts[label]++;
  const answer = counts.indexOf(Math.max(...counts));
  const output: Output = Float32Array.from(counts, (_, i) => (i === answer ? 1 : 0));
  return scoreTask(task, new Array<Output>(task.dev.length).fill(output))[mainMetric(task)];
}
