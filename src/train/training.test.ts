import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DataError, DivergedError } from '../errors.ts';
import { readSafetensors } from '../io/index.ts';
import { integers, key } from '../random.ts';
import { scoreTask } from '../tasks/score.ts';
import type { Task } from '../tasks/types.ts';
import { encoderTraining } from './encoder-training.ts';
import type { TrainFlags } from './train-plan.ts';
import { carryOn, newRun, smallPlan, smallTask, traces } from './training.fixture.ts';
import { runTraining, type Training, type TrainingListener } from './training.ts';

/**
 * Every kind of state that a training can have: cycles of three and two steps over fourteen, so that a moment lies in either
 * phase and in the middle of either; sketches that shrink, columns that outlive a cycle, dense and factored projectors.
 */
const methods = [
  'adamw',
  'omoe:accumulateSteps=3,orthogonalSteps=2',
  'omoe:accumulateSteps=3,orthogonalSteps=2,sketch=2,resetEachCycle=false,forgetting=0.9',
  'omoe-paper:accumulateSteps=3,orthogonalSteps=2',
  'omoe-hard:accumulateSteps=3,orthogonalSteps=2,statistic=tokens,sketch=4,energy=0.6',
  'omoe-update:accumulateSteps=3,orthogonalSteps=2',
];
const t = engine(cpu());

/** A training that nobody breaks off. */
async function unbroken(method: string) {
  const run = await newRun();
  expect((await carryOn(t, smallPlan({ method }), run)).ended).toBe('steps');
  return traces(run);
}

describe('a training that is broken off', () => {
  it('goes on from checkpoints of many small files, and from many to one, to the same bits', async () => {
    const method = methods[2];
    const whole = await unbroken(method);
    const run = await newRun();
    const stop = new AbortController();
    await carryOn(t, smallPlan({ method }), run, {
      ...{ signal: stop.signal, shardBytes: 400 },
      listener: { step: ({ step }) => (step === 8 ? stop.abort() : undefined) },
    });
    const { checkpoint } = await run.store.latest((name) => name.startsWith('step-'));
    const sizes = await Promise.all(
      [...checkpoint!.files]
        .filter(([name]) => name.endsWith('.safetensors'))
        .map(async ([name, read]) => [name, await read()] as const),
    );
    expect(sizes.length).toBeGreaterThan(10);
    for (const [name, bytes] of sizes) {
      const { tensors } = readSafetensors(bytes, name);
      const held = [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
      expect(tensors.size === 1 || held <= 400).toBe(true);
    }
    expect([...checkpoint!.files.keys()]).not.toContain('model.safetensors');
    await carryOn(t, smallPlan({ method }), run);
    expect(await traces(run)).toEqual(whole);
  });

  it.each(methods)('ends in the bytes of one that was not: %s', async (method) => {
    const whole = await unbroken(method);
    const plan = smallPlan({ method });
    // Twelve moments over the methods, two each: at one the process dies at once, at the other it is asked to stop and saves.
    const moments = integers(key(methods.indexOf(method)), 2, 0, plan.steps).sort();
    const run = await newRun();
    const dying = carryOn(t, plan, run, {
      listener: { step: ({ step }) => (step === moments[0] ? Promise.reject(new Error('dead')) : undefined) },
    });
    await expect(dying).rejects.toThrow('dead');
    // Lines of steps behind the last checkpoint, one of them cut in two: they will be written again.
    await run.files.append('/metrics.jsonl', new TextEncoder().encode('{"step":99}\n{"step":1'));
    const stop = new AbortController();
    await carryOn(t, plan, run, {
      signal: stop.signal,
      listener: { step: ({ step }) => (step === moments[1] ? stop.abort() : undefined) },
    });
    await carryOn(t, plan, run);
    expect(await traces(run)).toEqual(whole);
  });

  it('takes each micro-batch once, one after the other', async () => {
    const training = encoderTraining(smallPlan({ method: 'adamw', steps: '4', accumulate: '3' }), smallTask());
    const taken: number[] = [];
    const batchOf = (index: number) => {
      taken.push(index);
      return training.batchOf(index);
    };
    const { progress } = await runTraining(t, { ...training, batchOf });
    expect(taken).toEqual([...Array(12).keys()]);
    expect(progress.position).toBe(4 * 3 * 3);
  });

  it('at every step, is taken up again at the same step', async () => {
    const [, method] = methods;
    const whole = await unbroken(method);
    const run = await newRun();
    const steps: number[] = [];
    for (let ended = ''; ended !== 'steps' && steps.length < 20; ) {
      const stop = new AbortController();
      const listener = {
        step: ({ step }: { step: number }) => {
          steps.push(step);
          stop.abort();
        },
      };
      ended = (await carryOn(t, smallPlan({ method }), run, { signal: stop.signal, listener })).ended;
    }
    expect(steps).toEqual([...steps.keys()]);
    expect(await traces(run)).toEqual(whole);
  });

  it('during an evaluation, makes that evaluation afterwards', async () => {
    const whole = await unbroken('adamw');
    const run = await newRun();
    const stop = new AbortController();
    const stopped = await carryOn(t, smallPlan({ method: 'adamw' }), run, {
      signal: stop.signal,
      listener: { step: ({ step }) => (step === 2 ? stop.abort() : undefined) },
    });
    expect(stopped).toMatchObject({ ended: 'interrupted', progress: { step: 3, evaluations: [] } });
    await carryOn(t, smallPlan({ method: 'adamw' }), run);
    expect(await traces(run)).toEqual(whole);
  });

  it('goes on only under its own plan, seed and data', async () => {
    const run = await newRun();
    const plan = smallPlan({ method: 'adamw', steps: '4' });
    await carryOn(t, plan, run);
    const refused = async (changed: Partial<typeof plan>, task = smallTask()) => {
      const error = await carryOn(t, { ...plan, ...changed }, run, { task }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(DataError);
      return (error as Error).message;
    };
    expect(await refused({ steps: 9, learningRate: 0.5 })).toMatch(/steps 4, learningRate 0.01.*steps 9.*0.5/);
    expect(await refused({ seed: 1 })).toMatch(/rng.json.*seed 0/);
    const { dev } = smallTask();
    const other = { ...smallTask(), dev: dev.map((one, i) => (i === 6 ? { ...one, label: 1 - one.label } : one)) };
    expect(await refused({}, other)).toContain('examples');
    // What no number depends on may change.
    expect((await carryOn(t, { ...plan, saveEvery: 1, keep: 9 }, run)).ended).toBe('steps');
  });
});

/** Scores that an evaluation is to find, one after the other; the last one stays. */
const scored = (scores: readonly number[], task = smallTask()): Task => {
  let at = 0;
  return { ...task, metrics: ['luck'], score: () => ({ luck: scores[Math.min(at++, scores.length - 1)], other: 1 }) };
};

describe('evaluation on the way', () => {
  const plan = (more: TrainFlags) => smallPlan({ method: 'adamw', saveEvery: '99', evalEvery: '2', ...more });

  it('comes after every so many steps and at the end, and stands in the metrics', async () => {
    const run = await newRun();
    await carryOn(t, plan({ steps: '5' }), run);
    const lines = (await run.metrics())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => line.evaluation ?? `step ${line.step}`)).toEqual([
      ...['step 0', 'step 1', 2, 'step 2', 'step 3', 4, 'step 4', 5],
    ]);
    expect(lines.every((line) => !('milliseconds' in line))).toBe(true);
  });

  it('keeps the parameters of the best, the first of equals, and never those of a NaN', async () => {
    const run = await newRun();
    const { progress } = await carryOn(t, plan({ steps: '10' }), run, {
      task: scored([Number.NaN, 0.2, 0.5, 0.5, 0.4]),
    });
    expect(progress.best).toEqual({ step: 6, score: 0.5 });
    const { checkpoint } = await run.store.latest((name) => name === 'best');
    expect(JSON.parse(new TextDecoder().decode(await checkpoint!.files.get('scores.json')!()))).toMatchObject({
      step: 6,
    });
    // They are those of a training that ends there.
    const shorter = await newRun();
    const constant = { decay: 'constant', warmup: '0' };
    const bests = await Promise.all(
      (['10', '6'] as const).map(async (steps) => {
        const one = steps === '6' ? shorter : await newRun();
        await carryOn(t, plan({ steps, ...constant }), one, { task: scored([0.1, 0.2, 0.5, 0.3]) });
        const prefix = steps === '6' ? 'step-' : 'best';
        const { checkpoint } = await one.store.latest((name) => name.startsWith(prefix));
        return checkpoint!.files.get('model.safetensors')!();
      }),
    );
    expect(bests[0]).toEqual(bests[1]);
  });

  it('stops the training when patience is lost, and a resumed one at the same step', async () => {
    const luck = [0.5, 0.4, 0.6, 0.6, 0.1, 0.9];
    const run = await newRun();
    const { ended, progress } = await carryOn(t, plan({ patience: '2' }), run, { task: scored(luck) });
    expect({ ended, step: progress.step, best: progress.best }).toEqual({
      ...{ ended: 'patience', step: 10, best: { step: 6, score: 0.6 } },
    });
    const halves = await newRun();
    const stop = new AbortController();
    const listener = { step: ({ step }: { step: number }) => (step === 7 ? stop.abort() : undefined) };
    await carryOn(t, plan({ patience: '2' }), halves, { task: scored(luck), listener, signal: stop.signal });
    // Three evaluations are made; the fourth, of step 8, was asked to stop.
    await carryOn(t, plan({ patience: '2' }), halves, { task: scored(luck.slice(3)) });
    expect(await traces(halves)).toEqual(await traces(run));
    // It has ended: taking it up again trains nothing.
    const again = await carryOn(t, plan({ patience: '2' }), run, { task: scored([1]) });
    expect(again).toMatchObject({ ended: 'patience', progress: { step: 10 } });
  });

  it('refuses a metric that the evaluation does not give', async () => {
    const task: Task = { ...smallTask(), metrics: ['f1'], score: () => ({ accuracy: 1 }) };
    await expect(carryOn(t, plan({ steps: '2' }), await newRun(), { task })).rejects.toThrow(/accuracy.*f1 among them/);
  });
});

describe('a training that diverges', () => {
  it('keeps its last checkpoint and its metrics', async () => {
    const run = await newRun();
    const plan = smallPlan({ method: 'adamw', lr: '1e30', warmup: '0', saveEvery: '1' });
    const error = await carryOn(t, plan, run).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DivergedError);
    const step = Number(/step (\d+)/.exec((error as Error).message)![1]);
    expect((await run.store.latest()).checkpoint!.name).toBe(`step-${String(step).padStart(9, '0')}`);
    const lines = (await run.metrics())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ diverged: step });
    expect(lines.filter((line) => line.step !== undefined)).toHaveLength(step);
  });

  /** The lines of a training of which something other than a step ends in an error. */
  const linesOf = async (
    error: Error,
    more: Partial<Pick<Training<never, never, never, never>, 'listener'>>,
    task: Task,
  ) => {
    const run = await newRun();
    const plan = smallPlan({ method: 'adamw', steps: '6', evalEvery: '4', saveEvery: '6' });
    await expect(carryOn(t, plan, run, { task, ...more })).rejects.toThrow(error.message);
    const lines = (await run.metrics()).split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  };

  it('in an evaluation keeps the lines of every step before it, and says so', async () => {
    // The model says NaN for an example: the task that scores it refuses.
    const nan = () => scoreTask(smallTask(), [Float32Array.of(Number.NaN)]);
    const error = new Error('NaN for example 0');
    const lines = await linesOf(error, {}, { ...smallTask(), metrics: ['accuracy'], score: nan });
    expect(lines.map(({ step }) => step)).toEqual([0, 1, 2, 3, undefined]);
    expect(lines[4]).toMatchObject({ diverged: 4, reason: expect.stringContaining('NaN for example 0') });
  });

  it('or whose listener fails keeps them too, without a word of divergence', async () => {
    const error = new Error('the screen is gone');
    const listener: TrainingListener = {
      evaluation: () => {
        throw error;
      },
    };
    const lines = await linesOf(error, { listener }, smallTask());
    expect(lines.map(({ step, evaluation }) => step ?? `after ${evaluation}`)).toEqual([0, 1, 2, 3, 'after 4']);
  });
});
