import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { ShapeError } from '../errors.ts';
import { collate } from '../tasks/collate.ts';
import { accuracyMetric } from '../tasks/metrics.ts';
import type { Example, HeadKind, Output, Task } from '../tasks/types.ts';
import { evaluateTask, predictTask } from './evaluate.ts';
import { headLoss } from './head-loss.ts';
import { type TaskTensors, uploadBatch } from './upload.ts';

const t = engine(cpu(), { dtype: 'float64' });
const example = (length: number, more: Partial<Example> = {}): Example => ({
  tokens: Int32Array.from({ length }, (_, i) => i + 1),
  label: 0,
  ...more,
});
const logSoftmax = (row: readonly number[], at: number) =>
  row[at] - Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
const lossOf = async (head: HeadKind, examples: Example[], logits: number[], shape: number[], length = 3) =>
  headLoss(head, t.tensor(Float64Array.from(logits), shape), uploadBatch(t, collate(examples, length, 0, head))).item();

// A dozen roundings of numbers below 10 stay under 1e-14; a wrong entry or weight is off by more than 1e-3.
const close = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThan(1e-13);

describe('the loss of a head', () => {
  it('classify and choose: the mean cross entropy', async () => {
    const wanted = -(logSoftmax([1, 2, 0], 1) + logSoftmax([0, 3, 1], 2)) / 2;
    const logits = [1, 2, 0, 0, 3, 1];
    close(await lossOf('classify', [example(1, { label: 1 }), example(2, { label: 2 })], logits, [2, 3]), wanted);
    const choices = [example(1), example(2), example(1)];
    const choosing = [example(1, { label: 1, choices }), example(1, { label: 2, choices })];
    close(await lossOf('choose', choosing, logits, [2, 3]), wanted);
  });

  it('regress: the mean square', async () => {
    const examples = [example(1, { label: 2.5 }), example(1, { label: -1 })];
    expect(await lossOf('regress', examples, [3, 1], [2, 1])).toBe((0.25 + 4) / 2);
  });

  it('tag: the mean over scored tokens, of all examples together', async () => {
    const tagged = [example(3, { tags: Int32Array.of(-1, 1, 0) }), example(1, { tags: Int32Array.of(1) })];
    const logits = [9, 9, 1, 2, 3, 1, 0.5, 2, 7, 7, 8, 8];
    const wanted = -(logSoftmax([1, 2], 1) + logSoftmax([3, 1], 0) + logSoftmax([0.5, 2], 1)) / 3;
    close(await lossOf('tag', tagged, logits, [2, 3, 2]), wanted);
    const unscored = [example(2, { tags: Int32Array.of(-1, -1) })];
    expect(await lossOf('tag', unscored, [1, 2, 3, 4, 5, 6], [1, 3, 2])).toBe(0);
  });

  it('span: the mean of start and end over real tokens; what stands on padding changes no bit', async () => {
    const answered = [example(2, { answer: { from: 0, to: 2 } }), example(3, { answer: { from: 1, to: 2 } })];
    const logits = (padding: number) => [1, 2, padding, 0.5, 3, padding, 1, 0, 2, 3, 1, 0];
    const wanted =
      -(logSoftmax([1, 2], 0) + logSoftmax([0.5, 3], 1) + logSoftmax([1, 0, 2], 1) + logSoftmax([3, 1, 0], 1)) / 4;
    const loss = await lossOf('span', answered, logits(50), [2, 2, 3]);
    close(loss, wanted);
    expect(await lossOf('span', answered, logits(-50), [2, 2, 3])).toBe(loss);
  });

  it('refuses logits of another layout', async () => {
    const one = [example(1, { tags: Int32Array.of(0) })];
    for (const [head, shape] of [
      ['classify', [2, 1]],
      ['regress', [1, 2]],
      ['tag', [1, 2]],
      ['span', [1, 3, 2]],
    ] as const)
      await expect(
        lossOf(head, one, new Array((shape as readonly number[]).reduce((a, b) => a * b)).fill(0), [...shape]),
      ).rejects.toThrow(ShapeError);
  });
});

describe('predictions', () => {
  const taskOf = (head: HeadKind, lengths: readonly number[]): Task => ({
    ...{ name: 'lengths', source: 'embedded', train: [], classes: ['a', 'b'], metric: accuracyMetric, head },
    ...{ vocabularySize: 50, padToken: 0, domains: null, length: 24 },
    dev: lengths.map((length, i) => ({
      ...{ tokens: Int32Array.from({ length }, (_, j) => 10 * i + j), label: i % 2 },
      ...(head === 'tag' && { tags: new Int32Array(length) }),
    })),
  });
  /** Says its tokens, and −1 on padding: per class twice, for starts and ends once each. */
  const echo = (head: HeadKind) => ({
    upload: uploadBatch,
    predict(_: unknown, { tokens, mask, size }: TaskTensors) {
      const said = mask.where(tokens, -1).astype('float64');
      if (head === 'tag') return t.stack([said, said.add(0.5)], 2);
      if (head === 'span') return t.stack([said, said.add(0.25)], 1);
      return t.stack([said.slice([0, 1], 1).reshape([size]), t.full([size], 25)], 1);
    },
  });
  const predict = async (head: HeadKind, lengths: readonly number[]) => {
    const task = taskOf(head, lengths);
    return (await predictTask(t, echo(head), null, task, { batch: 2 }))!.map((output: Output) => [...output]);
  };

  it('stand in the order of the examples, whatever their lengths', async () => {
    expect(await predict('classify', [9, 1, 20, 3, 2])).toEqual([0, 10, 20, 30, 40].map((token) => [token, 25]));
  });

  it('of tags and spans are as long as the example', async () => {
    expect(await predict('tag', [2, 9, 1])).toEqual([
      [0, 0.5, 1, 1.5],
      Array.from({ length: 9 }, (_, j) => [10 + j, 10.5 + j]).flat(),
      [20, 20.5],
    ]);
    expect(await predict('span', [2, 1])).toEqual([
      [0, 1, 0.25, 1.25],
      [10, 10.25],
    ]);
  });

  it('are scored, by the metric of the task where it has no score of its own', async () => {
    // The echo says class 1 up to token 24, class 0 behind it: right are examples 1, 2 (label 0), of labels 0 1 0 1 0.
    const task = taskOf('classify', [1, 1, 1, 1, 1]);
    expect(await evaluateTask(t, echo('classify'), null, task, { batch: 2 })).toEqual({ accuracy: 2 / 5 });
    const own: Task = { ...task, metrics: ['count'], score: (outputs) => ({ count: outputs.length }) };
    expect(await evaluateTask(t, echo('classify'), null, own, { batch: 2 })).toEqual({ count: 5 });
  });

  it('stop when they are asked to', async () => {
    const task = taskOf('classify', [1]);
    expect(await predictTask(t, echo('classify'), null, task, { batch: 1, signal: AbortSignal.abort() })).toBeNull();
  });
});
