import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.ts';
import { collate, loadTask, type TaskRequest, taskNames } from './index.ts';

const request: TaskRequest = { task: 'embedded', seed: 0, length: 16 };

describe('loadTask', () => {
  it('gives the embedded task without any file', async () => {
    const task = await loadTask({ ...request, trainLimit: 50, devLimit: 20 });
    expect(task).toMatchObject({
      name: 'embedded',
      source: 'embedded',
      domains: 4,
      length: 16,
      classes: ['no', 'yes'],
    });
    expect([task.train.length, task.dev.length]).toEqual([50, 20]);
    const { train } = await loadTask({ ...request, trainLimit: null });
    expect(task.train.every((example) => train.some((other) => other.tokens.join() === example.tokens.join()))).toBe(
      true,
    );
  });

  it.each([
    ['embedded-pairs', 'classify', 26],
    ['embedded-tags', 'tag', 16],
    ['embedded-spans', 'span', 26],
  ])('gives %s whole, or not at all', async (task, head, length) => {
    const loaded = await loadTask({ ...request, task, length, trainLimit: 12, devLimit: 5 });
    expect(loaded).toMatchObject({ name: task, head, source: 'embedded', domains: 4, length });
    expect([loaded.train.length, loaded.dev.length]).toEqual([12, 5]);
    expect(collate(loaded.train, length, loaded.padToken, loaded.head).tokens).toHaveLength(12 * length);
    await expect(loadTask({ ...request, task, length: length - 1 })).rejects.toThrow(/at least .* holds every example/);
  });

  it('cuts and pads to the length that was asked for', async () => {
    const task = await loadTask({ ...request, length: 6 });
    expect(collate(task.dev, task.length, task.padToken).tokens).toHaveLength(6 * task.dev.length);
    await expect(loadTask({ ...request, length: 1 })).rejects.toThrow(UsageError);
    await expect(loadTask({ ...request, length: 7.5 })).rejects.toThrow(/length 7\.5/);
  });

  it('lists the tasks when it does not know one', async () => {
    const generated = ['embedded', 'embedded-pairs', 'embedded-tags', 'embedded-spans'];
    expect(taskNames.slice(0, 7)).toEqual([...generated, 'cola', 'sst2', 'mrpc']);
    expect(taskNames).toEqual(expect.arrayContaining(['squad1', 'squad2', 'conll2003', 'wnut17', 'wikigold']));
    expect(taskNames).not.toContain('ax');
    await expect(loadTask({ ...request, task: 'axb' })).rejects.toThrow(
      'load task: received axb, a diagnostic set, expected a task with a training part. AX-b is answered by a model that was trained on rte: omoe eval --model DIR --task axb --data DIR.',
    );
    await expect(loadTask({ ...request, task: 'sst-2' })).rejects.toThrow(
      'load task: received the task "sst-2", expected one of embedded, embedded-pairs, embedded-tags, embedded-spans, cola, ',
    );
    await expect(loadTask({ ...request, task: 'toString' })).rejects.toThrow(UsageError);
  });

  it('asks for the folder and the vocabulary of a real task', async () => {
    await expect(loadTask({ ...request, task: 'cola', vocab: 'v' })).rejects.toThrow(/--data/);
    await expect(loadTask({ ...request, task: 'cola', data: 'd' })).rejects.toThrow(/--vocab/);
    await expect(loadTask({ ...request, task: 'cola' })).rejects.toThrow(UsageError);
    const missing = { ...request, task: 'cola', data: 'no-such-folder', vocab: 'v' };
    await expect(loadTask({ ...missing, read: readFile })).rejects.toThrow(DataError);
    await expect(loadTask(missing)).rejects.toThrow(/load task cola: received no way to read files, expected read/);
    await expect(loadTask(missing)).rejects.toThrow(UsageError);
  });

  it('refuses limits and seeds that are none', async () => {
    await expect(loadTask({ ...request, trainLimit: 0 })).rejects.toThrow(/limit of train examples/);
    await expect(loadTask({ ...request, seed: -1 })).rejects.toThrow(UsageError);
  });
});
