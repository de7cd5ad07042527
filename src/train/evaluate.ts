import type { HostArray } from '../backend.ts';
import type { Engine } from '../engine.ts';
import { ShapeError } from '../errors.ts';
import { bucketedEvaluation } from '../tasks/buckets.ts';
import { scoreTask } from '../tasks/score.ts';
import type { Example, HeadKind, Output, Scores, Task } from '../tasks/types.ts';
import type { Trainee } from './objective.ts';

export interface Evaluation {
  /** Examples in a batch; a result depends on it by rounding at most. */
  readonly batch: number;
  readonly signal?: AbortSignal;
  /** After every batch: a sign of life where an evaluation takes long. */
  readonly onBatch?: () => void;
}

/** What the head says of every dev example, in their order; null where the signal asked to stop. */
export async function predictTask<P, B>(
  t: Engine,
  trainee: Pick<Trainee<P, B>, 'upload' | 'predict'>,
  parameters: P,
  task: Pick<Task, 'dev' | 'length' | 'padToken' | 'head'>,
  { batch, signal, onBatch }: Evaluation,
): Promise<Output[] | null> {
  const outputs: Output[] = new Array(task.dev.length);
  for (const { places, ...host } of bucketedEvaluation(task.dev, task, { batch })) {
    if (signal?.aborted) return null;
    using pass = t.region();
    const logits = await trainee.predict(pass.borrow(parameters), trainee.upload(pass, host)).data();
    await new Promise((resolve) => setTimeout(resolve)); // lets a request to stop be heard
    onBatch?.();
    const each = logits.length / places.length;
    places.forEach((place, row) => {
      const own = logits.subarray(row * each, (row + 1) * each);
      outputs[place] = outputOf(own, task.dev[place], host.length, task.head ?? 'classify');
    });
  }
  return outputs;
}

/** The official metrics on the dev examples; null where the signal asked to stop. */
export async function evaluateTask<P, B>(
  t: Engine,
  trainee: Pick<Trainee<P, B>, 'upload' | 'predict'>,
  parameters: P,
  task: Task,
  evaluation: Evaluation,
): Promise<Scores | null> {
  const outputs = await predictTask(t, trainee, parameters, task, evaluation);
  return outputs && scoreTask(task, outputs);
}

/** An example's part of the logits without what belongs to padding: tag [token · class], span [2 · token]. */
function outputOf(own: HostArray, { tokens }: Example, length: number, head: HeadKind): Output {
  if (head === 'tag') {
    if (own.length % length !== 0) throw misfit(head, own.length, `a multiple of ${length} positions`);
    return Float32Array.from(own.subarray(0, (tokens.length * own.length) / length));
  }
  if (head === 'span') {
    if (own.length !== 2 * length) throw misfit(head, own.length, `2 · ${length} positions`);
    const [starts, ends] = [own.subarray(0, tokens.length), own.subarray(length, length + tokens.length)];
    return Float32Array.from([...starts, ...ends]);
  }
  return Float32Array.from(own);
}

const misfit = (head: HeadKind, numbers: number, expected: string) =>
  new ShapeError({ operation: `predict ${head}`, received: `${numbers} numbers of an example`, expected });
