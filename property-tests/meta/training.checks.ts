import { cpu } from '../../backends/cpu/index.ts';
import type { HostArray } from '../../src/backend.ts';
import { type Engine, engine } from '../../src/engine.ts';
import { upcycle } from '../../src/moe/upcycle.ts';
import { type EncoderParameters, initEncoder } from '../../src/nn/encoder.ts';
import type { AdamWAttrs } from '../../src/ops/adamw.ts';
import { parametersOf } from '../../src/optim/optimizer.ts';
import { foldIn, key } from '../../src/random.ts';
import { trainingBatches } from '../../src/tasks/batches.ts';
import { loadTask } from '../../src/tasks/index.ts';
import type { Task } from '../../src/tasks/types.ts';
import type { Tensor } from '../../src/tensor.ts';
import type { BatchTensors } from '../../src/train/classifier.ts';
import type { trainDense, trainMethod } from '../../src/train/compare.ts';
import type { evaluateTask } from '../../src/train/evaluate.ts';
import { measuredBatches, type measureExperts } from '../../src/train/measure.ts';
import { comparePlan } from '../../src/train/plan.ts';
import { smallEncoder } from '../../src/train/small-encoder.ts';
import type { ComparePlan, DenseModel, Method, MethodRun, StepEvent } from '../../src/train/types.ts';
import { claim, claimEqual, claimWithin } from '../kit/method.ts';

/**
 * What must be true of a comparison's training, whoever trains. The tests beside src/train hand in the trainer, the test of
 * the tests hands in trainers with one thing wrong.
 */

export interface Trainer {
  readonly trainDense: typeof trainDense;
  readonly trainMethod: typeof trainMethod;
  readonly evaluateTask: typeof evaluateTask;
  readonly measureExperts: typeof measureExperts;
}

/** Two steps of each phase, then two more; three epochs of the few sentences there are. The names differ in length. */
export const tinyPlan = (changes: Partial<ComparePlan> = {}): ComparePlan => ({
  ...comparePlan({
    methods: 'adamw,omoe:accumulateSteps=2,orthogonalSteps=2,omoe-update:accumulateSteps=2,orthogonalSteps=2',
    steps: '6',
    denseSteps: '3',
    batch: '8',
    warmup: '2',
    trainLimit: '24',
    devLimit: '12',
    width: '8',
    ffn: '12',
    heads: '2',
    experts: '3',
    layers: '1',
  }),
  ...changes,
});

/** u of Float32, and γ_K = K·u/(1 − K·u). */
export const u32 = 2 ** -24;
export const gamma32 = (K: number): number => (K * u32) / (1 - K * u32);

// Watching a training

/** One step as the engine saw it. */
export interface WatchedStep {
  /** Where the step began, by path. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** What the gradient was taken of. */
  readonly batch: BatchTensors;
  /** Before clipping, by path. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** The gradients that AdamW was given, one a parameter; empty where no step was taken. */
  readonly entered: Tensor[];
  /** With what rate and decay it was to step, one a parameter. */
  readonly settings: { readonly learningRate: number; readonly weightDecay: number }[];
}

/** An engine that notes of every training step what it was taken of and what reached the optimizer. */
export function watchedEngine(): { t: Engine; steps: WatchedStep[] } {
  const steps: WatchedStep[] = [];
  // Nothing is freed, as what a step computed is looked at after the training.
  return { t: watch(engine({ ...cpu(), free: () => {} }), steps), steps };
}

/** Notes the gradients and the optimizer's inputs of every step, in all regions of the engine. */
function watch<E extends Engine>(t: E, steps: WatchedStep[]): E {
  const { region, valueAuxAndGrad: differentiate, run } = t;
  t.region = () => watch(region.call(t), steps);
  t.valueAuxAndGrad = <P, A, R extends readonly unknown[]>(f: (parameters: P, ...rest: R) => readonly [Tensor, A]) => {
    const inner = differentiate.call(t, f as never) as (
      parameters: P,
      ...rest: R
    ) => { value: Tensor; aux: A; gradients: P };
    return (parameters: P, ...rest: R) => {
      const result = inner(parameters, ...rest);
      steps.push({
        parameters: parametersOf(parameters),
        batch: rest[0] as unknown as BatchTensors,
        gradients: parametersOf(result.gradients),
        entered: [],
        settings: [],
      });
      return result;
    };
  };
  t.run = (op, inputs, attrs) => {
    // All parameters at once: [θ₁, g₁, m₁, v₁, θ₂, …]
    if (op.name === 'adamwStep') {
      const { learningRate, weightDecays } = attrs as AdamWAttrs;
      weightDecays.forEach((weightDecay, i) => {
        steps.at(-1)?.entered.push(inputs[4 * i + 1]);
        steps.at(-1)?.settings.push({ learningRate, weightDecay });
      });
    }
    return run.call(t, op as never, inputs, attrs);
  };
  return t;
}

export interface WatchedTraining {
  readonly result: MethodRun;
  readonly events: readonly StepEvent[];
  readonly steps: readonly WatchedStep[];
}

export async function watchDense(
  { trainDense }: Pick<Trainer, 'trainDense'>,
  plan: ComparePlan,
  seed = 0,
): Promise<{ result: DenseModel; events: StepEvent[]; steps: WatchedStep[] }> {
  const { t, steps } = watchedEngine();
  const events: StepEvent[] = [];
  const result = await trainDense(plan, seed, { engine: t, report: (event) => events.push(event) });
  return { result, events, steps };
}

export async function watchMethod(
  { trainMethod }: Pick<Trainer, 'trainMethod'>,
  plan: ComparePlan,
  method: Method,
  dense: DenseModel,
  seed = dense.seed,
): Promise<WatchedTraining> {
  const { t, steps } = watchedEngine();
  const events: StepEvent[] = [];
  const result = await trainMethod(plan, seed, method, dense, { engine: t, report: (event) => events.push(event) });
  return { result, events, steps };
}

/** ‖·‖ of several tensors as one long vector, in Float64. */
async function normOf(tensors: Iterable<Tensor>): Promise<number> {
  let squares = 0;
  for (const tensor of tensors) for (const x of await tensor.data()) squares += x * x;
  return Math.sqrt(squares);
}

/** A run as numbers: all of it but the times. */
export const numbersOf = ({ msPerStep, method, ...run }: MethodRun): Omit<MethodRun, 'msPerStep' | 'method'> => run;

export const taskOf = ({ task, model, trainLimit, devLimit }: ComparePlan, seed: number): Promise<Task> =>
  loadTask({ task, seed, length: model.length, trainLimit, devLimit });

// The checks

/**
 * The dense model and then each method see batch after batch of the one line of training sentences that the seed determines,
 * every method the same; no dev sentence is among them.
 */
export async function methodsSeeTheSameBatches(trainer: Trainer): Promise<void> {
  const plan = tinyPlan();
  const seed = 3;
  const task = await taskOf(plan, seed);
  const order = trainingBatches(task, { batch: plan.batch, seed });
  const dev = new Set(task.dev.map(({ tokens }) => tokens.join(' ')));
  const train = new Set(task.train.map(({ tokens, label }) => `${label}: ${tokens.join(' ')}`));

  const follow = async (who: string, steps: readonly WatchedStep[], first: number, count: number) => {
    claim(steps.length === count, () => `${who}: ${steps.length} steps, but should be ${count}`);
    for (const [step, { batch }] of steps.entries()) {
      const [tokens, mask, labels] = await Promise.all([batch.tokens.data(), batch.mask.data(), batch.labels.data()]);
      for (const [row, label] of labels.entries()) {
        const [from, to] = [row * plan.model.length, (row + 1) * plan.model.length];
        const sentence = tokens.subarray(from, to).filter((_, i) => mask[from + i] === 1);
        const words = sentence.join(' ');
        claim(!dev.has(words), () => `${who}, step ${step}: row ${row} is a dev sentence, ${words}`);
        claim(
          train.has(`${label}: ${words}`),
          () => `${who}, step ${step}: row ${row} is no training sentence, ${words}`,
        );
      }
      const expected = order(first + step);
      claimEqual(tokens, expected.tokens, `${who}, step ${step}: tokens`);
      claimEqual(mask, expected.mask, `${who}, step ${step}: mask`);
      claimEqual(labels, expected.labels, `${who}, step ${step}: labels`);
    }
  };
  const dense = await watchDense(trainer, plan, seed);
  await follow('dense', dense.steps, 0, plan.denseSteps);
  for (const method of plan.methods) {
    const { steps } = await watchMethod(trainer, plan, method, dense.result);
    await follow(method.name, steps, plan.denseSteps, plan.steps);
  }
}

/**
 * What reaches the optimizer is no longer than `clip`, and points where the gradient does; the norm reported is that of the
 * gradient before clipping. A limit above every norm changes no bit.
 */
export async function clippingBoundsTheGradient(trainer: Trainer): Promise<void> {
  const [clip, loose] = [0.05, 1e6];
  const plan = tinyPlan({ steps: 3, denseSteps: 1 });
  const { result: dense } = await watchDense(trainer, plan);
  const [method] = plan.methods;
  for (const limit of [clip, loose]) {
    const { steps, events } = await watchMethod(trainer, { ...plan, clip: limit }, method, dense);
    for (const [step, { gradients, entered }] of steps.entries()) {
      const raw = await normOf(gradients.values());
      const count = [...gradients.values()].reduce((sum, { size }) => sum + size, 0);
      // Σ of `count` squares in Float32, in whatever order, and its root: γ_{count + 2}. The factor limit · (1/norm) and its
      // product with each entry round three times more.
      const rounding = gamma32(count + 5);
      const what = `clip ${limit}, step ${step}`;
      claimWithin([events[step].gradientNorm], [raw], rounding * raw, `${what}: reported norm`);
      claim(raw > 2 * clip && raw < loose / 2, () => `${what}: a norm of ${raw} says nothing about this limit`);
      claim(entered.length === gradients.size, () => `${what}: ${entered.length} of ${gradients.size} gradients used`);
      const bounded = Math.min(raw, limit);
      claimWithin([await normOf(entered)], [bounded], rounding * bounded, `${what}: norm that reached the optimizer`);
      const factor = bounded / raw;
      for (const [i, [path, gradient]] of [...gradients].entries()) {
        const before: HostArray = await gradient.data();
        const after = await entered[i].data();
        if (factor === 1) claimEqual(after, before, `${what}: ${path}`);
        else {
          const wanted = Float64Array.from(before, (g) => g * factor);
          // 2^-149 is the smallest Float32: below it a product has no digits left.
          const bounds = wanted.map((g) => rounding * Math.abs(g) + 2 ** -149);
          claimWithin(after, wanted, bounds, `${what}: ${path}`);
        }
      }
    }
  }
}

/** The weights of the auxiliary losses reach the loss that is reported, and the gradient that the router is trained with. */
export async function auxiliaryLossesAct(trainer: Trainer): Promise<void> {
  const plan = tinyPlan({ steps: 1, denseSteps: 1, balanceLoss: 0, zLoss: 0 });
  const { result: dense } = await watchDense(trainer, plan);
  const firstStep = async (weights: Partial<ComparePlan>) => {
    const { steps, events } = await watchMethod(trainer, { ...plan, ...weights }, plan.methods[0], dense);
    const gradient = async (path: string) => {
      const tensor = steps[0].gradients.get(path);
      claim(tensor !== undefined, () => `no gradient of ${path}`);
      return tensor.data();
    };
    return {
      event: events[0],
      router: await gradient('blocks.0.moe.router.weight'),
      classifier: await gradient('classifier.bias'),
    };
  };
  const none = await firstStep({});
  claimEqual([none.event.loss], [none.event.taskLoss], 'loss without auxiliary losses');
  for (const weights of [{ balanceLoss: 0.3 }, { zLoss: 0.3 }]) {
    const [name] = Object.keys(weights);
    const some = await firstStep(weights);
    claimEqual([some.event.taskLoss], [none.event.taskLoss], `task loss with ${name}`);
    claimEqual(some.classifier, none.classifier, `gradient of the classifier with ${name}`);
    claim(some.event.loss > none.event.loss, () => `${name} 0.3 adds nothing to the loss ${none.event.loss}`);
    claim(
      some.router.some((g, i) => g !== none.router[i]),
      () => `${name} 0.3 leaves the gradient of the router as it was`,
    );
  }
  const { event } = await firstStep({ balanceLoss: 0.3 });
  // The three Float32 roundings of task + w·balance, done here one by one.
  const wanted = Math.fround(event.taskLoss + Math.fround(Math.fround(0.3) * event.balanceLoss));
  claimEqual([event.loss], [wanted], 'loss = task + balanceLoss · balance');
}

/** A model whose experts differ much, of more positions than the plan is long. */
export function variedModel(
  t: Engine,
  plan: ComparePlan,
  task: Task,
): Record<'start' | 'parameters', EncoderParameters> {
  const { width, ffn: hidden, heads, layers } = plan.model;
  const shape = {
    vocabulary: task.vocabularySize,
    positions: 2 * task.length,
    width,
    hidden,
    heads,
    layers,
    classes: 2,
  };
  const dense = initEncoder(t, key(5), shape);
  const withExperts = (noise: number): EncoderParameters => ({
    ...dense,
    blocks: dense.blocks.map(({ feedForward, ...block }, b) => {
      const moe = upcycle(feedForward!, { experts: plan.model.experts, key: foldIn(key(6), b), noise });
      // Logits of size 1: choices that rounding does not turn round.
      return { ...block, moe: { ...moe, router: { weight: moe.router.weight.multiply(20) } } };
    }),
  });
  return { start: withExperts(0), parameters: withExperts(0.5) };
}

/**
 * Padding is in none of the measures: sentences of one length, which fill their batches, measure as they do with half as many
 * positions again behind them, whatever token stands there.
 *
 * Exactly so on the cpu backend: masked keys have weight 0 and stand last, so that every sum gets zeros at its end; all else
 * is done row by row.
 */
export async function paddingIsNotMeasured(trainer: Trainer): Promise<void> {
  const plan = tinyPlan({ devLimit: null });
  const whole = await taskOf(plan, 1);
  const length = 9;
  const dev = whole.dev.filter(({ tokens }) => tokens.length === length).slice(0, 20);
  claim(dev.length === 20, () => `${dev.length} dev sentences of ${length} words, but should be 20`);
  const t = engine(cpu());
  const { start, parameters } = variedModel(t, plan, whole);
  const measure = async (positions: number, padToken: number) => {
    const task: Task = { ...whole, dev, length: positions, padToken };
    const learner = smallEncoder(plan, task);
    const scores = await trainer.evaluateTask(t, learner, parameters, task, { batch: 2 * plan.batch });
    const seen = measuredBatches(task, plan.batch);
    const { similarity, routing, ...scalars } = await trainer.measureExperts(
      t,
      learner,
      { parameters, start },
      task,
      seen,
    );
    return Object.entries({ ...scores, ...scalars, ...routing, ...similarity.flat() });
  };
  const bare = await measure(length, 0);
  const finite = bare.every(([, value]) => typeof value === 'number' && Number.isFinite(value));
  claim(finite, () => `a measure is missing: ${JSON.stringify(bare)}`);
  for (const padToken of [0, 7]) {
    const padded = await measure(Math.ceil(1.5 * length), padToken);
    for (const [i, [name, value]] of padded.entries())
      claimEqual([Number(value)], [Number(bare[i][1])], `${name} with padding ${padToken}`);
  }
}

export const trainingChecks = {
  methodsSeeTheSameBatches,
  clippingBoundsTheGradient,
  auxiliaryLossesAct,
  paddingIsNotMeasured,
} as const;
