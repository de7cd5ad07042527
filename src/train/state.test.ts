import { beforeAll, describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { readSafetensors, type StoredTensor, store, writeSafetensors } from '../io/index.ts';
import { encoderTraining } from './encoder-training.ts';
import { type CheckpointFiles, loadModel, loadState } from './state.ts';
import { allOf, carryOn, newRun, smallPlan, smallTask } from './training.fixture.ts';

const t = engine(cpu());
// Step 5 of cycles of three and three: in the orthogonal phase, so that projectors are there.
const plan = smallPlan({ method: 'omoe:accumulateSteps=3,orthogonalSteps=3', steps: '5', evalEvery: '2' });
const training = encoderTraining(plan, smallTask());
let files: ReadonlyMap<string, Uint8Array>;
beforeAll(async () => {
  const run = await newRun();
  await carryOn(t, plan, run);
  files = await allOf((await run.store.latest((name) => name.startsWith('step-'))).checkpoint!.files);
});

const load = async (from: CheckpointFiles) =>
  loadState(t, from, {
    like: await training.start(t),
    optimizer: training.optimizer,
    seed: plan.seed,
    plan: training.record,
  });
const refusal = async (from: CheckpointFiles): Promise<string> => {
  try {
    await load(from);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
};
const text = (name: string) => new TextDecoder().decode(files.get(name));
const withFile = (name: string, bytes: Uint8Array | string): CheckpointFiles =>
  new Map([...files, [name, typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes]]);
/** The same files, the tensors of one changed. */
const withTensors = (name: string, change: (tensors: Map<string, StoredTensor>) => void): CheckpointFiles => {
  const tensors = new Map(readSafetensors(files.get(name)!).tensors);
  change(tensors);
  return withFile(name, writeSafetensors(tensors));
};

describe('a checkpoint', () => {
  it('holds the four files', () => {
    expect([...files.keys()].sort()).toEqual([
      ...['model.safetensors', 'optimizer.safetensors', 'rng.json', 'trainer_state.json'],
    ]);
    expect(JSON.parse(text('rng.json'))).toEqual({
      ...{ schema: 'omoe.rng/1', generator: 'threefry2x32-20', seed: 0, step: 5 },
    });
    expect(JSON.parse(text('trainer_state.json'))).toMatchObject({
      step: 5,
      position: 5 * 6,
      sinceBest: expect.any(Number),
    });
    expect([...readSafetensors(files.get('optimizer.safetensors')!).tensors.keys()]).toEqual(
      expect.arrayContaining([
        'base.first.blocks.0.moe.fc1.weight',
        'base.second.tokens',
        'linears.blocks.0.moe.fc2.columns.0',
        'linears.blocks.0.moe.fc2.projectors.others.columns',
      ]),
    );
  });

  it('lists all that is missing, misshapen or not expected, of the model', async () => {
    const message = await refusal(
      withTensors('model.safetensors', (tensors) => {
        tensors.delete('norm.bias');
        tensors.delete('blocks.0.moe.fc1.bias');
        tensors.set('classifier.bias', store(new Float32Array(3), [3]));
        tensors.set('norm.weight', store(new Float64Array(6), [6]));
        tensors.set('blocks.1.norm1.weight', store(new Float32Array(6), [6]));
      }),
    );
    expect(message).toContain('norm.bias is missing, it should be float32 [6]');
    expect(message).toContain('blocks.0.moe.fc1.bias is missing, it should be float32 [3, 8]');
    expect(message).toContain('classifier.bias is float32 [3], it should be float32 [2]');
    expect(message).toContain('norm.weight is float64 [6], it should be float32 [6]');
    expect(message).toContain('blocks.1.norm1.weight is not expected');
  });

  it('lists it of the optimizer too', async () => {
    const message = await refusal(
      withTensors('optimizer.safetensors', (tensors) => {
        tensors.delete('base.second.norm.bias');
        tensors.delete('linears.blocks.0.moe.fc1.projectors.trace');
        tensors.set('linears.blocks.0.moe.fc1.columns.1', store(new Float64Array(7), [1, 7]));
        tensors.set('linears.blocks.0.moe.fc3.start', store(new Float32Array(1), [1]));
      }),
    );
    expect(message).toContain('base.second.norm.bias is missing');
    expect(message).toContain('linears.blocks.0.moe.fc1.projectors.trace is missing, it should be float64 [3]');
    expect(message).toContain('linears.blocks.0.moe.fc1.columns.1 is float64 [1, 7], it should be float64 [any, 8]');
    expect(message).toContain('linears.blocks.0.moe.fc3.start is not expected');
  });

  it.each([
    ['trainer_state.json', '{', /no JSON/],
    ['trainer_state.json', '[]', /the schema undefined/],
    ['trainer_state.json', '{"schema":"omoe.trainer/2"}', /omoe.trainer\/2.*omoe.trainer\/1/],
    ['trainer_state.json', '{"schema":"omoe.trainer/1","step":-1}', /fields of another kind/],
    ['rng.json', '{"schema":"omoe.rng/1","generator":"mersenne","seed":0,"step":5}', /mersenne.*threefry/],
    ['rng.json', '{"schema":"omoe.rng/1","generator":"threefry2x32-20","seed":0,"step":4}', /step 4/],
    ['model.safetensors', 'short', /model.safetensors/],
  ])('refuses a wrong %s: %s', async (name, bytes, message) => {
    expect(await refusal(withFile(name, bytes))).toMatch(message);
  });

  it('refuses one without a file, and a layout that the arrays do not have', async () => {
    for (const name of files.keys())
      expect(await refusal(new Map([...files].filter(([file]) => file !== name)))).toContain(name);
    const changed = (change: (document: ReturnType<typeof JSON.parse>) => void) => {
      const document = JSON.parse(text('trainer_state.json'));
      change(document);
      return refusal(withFile('trainer_state.json', JSON.stringify(document)));
    };
    const linear = 'blocks.0.moe.fc1';
    expect(await changed((d) => delete d.optimizer.linears[linear])).toContain(
      `the expert linear ${linear} is missing`,
    );
    expect(await changed((d) => delete d.optimizer.base.steps)).toContain('the number base.steps is missing');
    expect(await changed((d) => (d.optimizer.linears[linear].pending = 1))).toContain('pending.0.columns is missing');
    expect(await changed((d) => (d.optimizer.linears[linear].projectors = 'sparse'))).toContain('of another kind');
    expect(await changed((d) => (d.optimizer.step = 4))).toContain('an optimizer at step 4');
    expect(await changed((d) => (d.plan.learningRate = 9))).toMatch(/learningRate 9.*learningRate 0.01/);
  });

  it('gives back parameters alone, as the best model is kept', async () => {
    const model = await loadModel(t, files, await training.start(t));
    const { parameters } = await load(files);
    expect(await model.classifier.weight.data()).toEqual(await parameters.classifier.weight.data());
  });
});
