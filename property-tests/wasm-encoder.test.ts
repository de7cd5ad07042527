import { expect, it } from 'vitest';
import { wasm } from '../backends/wasm/index.ts';
import type { Backend } from '../src/backend.ts';
import { type Engine, engine } from '../src/engine.ts';
import { freshConfig } from '../src/models/config.ts';
import { headSpec } from '../src/models/heads.ts';
import { initModel, type ModelParameters } from '../src/models/parameters.ts';
import { taskModel } from '../src/models/task-model.ts';
import { upcycleModel } from '../src/models/upcycle.ts';
import { adamw, type BaseOptimizer, type OmoeOptions, omoe, parametersOf, sgd } from '../src/optim/index.ts';
import { key } from '../src/random.ts';
import type { Batch } from '../src/tasks/types.ts';
import { type MaskedBatch, maskedObjective } from '../src/train/masked-language.ts';
import { type Objective, taskTrainee } from '../src/train/objective.ts';
import { type Scored, takeStep } from '../src/train/step.ts';

/**
 * Training steps of a whole encoder as `omoe train` and `omoe pretrain` take them (BERT's blocks with experts, sentences of several
 * lengths, dropout, auxiliary losses, clipping): every operation runs on a kernel. One that does not is to be named here, with
 * its reason, as in gpujs-training.test.ts.
 */

const [size, length, width, classes] = [3, 7, 16, 5];
const sizes = { vocabulary: 40, positions: length, width, hidden: 24, heads: 2, layers: 2 };

/** Sentences of 7, 5 and 3 tokens. */
const mask = Uint8Array.from({ length: size * length }, (_, i) =>
  Number(i % length < length - 2 * Math.floor(i / length)),
);
const tokens = Int32Array.from(mask, (real, i) => real * (1 + ((7 * i) % 39)));
const batch: Batch = {
  ...{ tokens, mask, size, length, rows: 1, scored: size, labels: Int32Array.of(0, 1, 4) },
  segments: mask.map((real, i) => real * Number(i % length > 2)),
  values: new Float64Array(size).fill(0.5),
  spans: Int32Array.from({ length: size * 2 }, (_, i) => 1 + (i % 2)),
  tags: Int32Array.from(mask, (real, i) => (real ? i % classes : -1)),
  answers: Int32Array.from({ length: size * 2 }, (_, i) => 1 + (i % 2)),
  domains: null,
};
const masked: MaskedBatch = {
  ...{ tokens, mask, size, length, scored: 3 },
  places: Int32Array.of(1, 8, 15),
  labels: Int32Array.of(2, 3, 4),
};
const weights = { balanceLoss: 0.01, zLoss: 0.001 };
const rates = { dropout: 0.1, capacityFactor: 1.25 };

interface Stepping {
  /** ALBERT: GELU by tanh, and layers that share their parameters. */
  readonly family?: 'bert' | 'albert';
  readonly objective?: 'classify' | 'tag' | 'span' | 'regress' | 'masked';
  readonly options?: Partial<OmoeOptions>;
  readonly base?: BaseOptimizer<unknown>;
}

/** Two steps of the accumulating phase and one of the orthogonal phase; what was composed, with the reasons of kernels. */
async function composedIn(stepping: Stepping): Promise<object> {
  const { family = 'bert', objective = 'classify', options = {}, base = adamw() } = stepping;
  const dense = freshConfig(family, sizes);
  const experts = (drawn: ModelParameters) => upcycleModel(drawn, dense, { experts: 4, key: key(2), noise: 0.1 });
  const backend = (await wasm({ threads: 1 })) as Backend;
  const t = engine(backend);
  if (objective === 'masked') {
    const { parameters, config } = experts(initModel(t, key(1), dense, { mlm: true }));
    await steps(t, { objective: maskedObjective(config, weights, rates), batch: masked, parameters, options, base });
  } else {
    const head = headSpec(objective, objective === 'classify' ? { classes, spans: 1 } : { classes });
    const drawn = initModel(t, key(1), dense, { head: [width * (1 + head.spans), head.outputs] });
    const { parameters, config } = experts(drawn);
    const trainee = taskTrainee(taskModel(config, head, rates), objective, weights);
    await steps(t, { objective: trainee, batch, parameters, options, base });
  }
  const lines = t.trace();
  await backend.dispose();
  expect(lines.map(({ op }) => op)).toContain('groupedMatmul'); // else the trace says nothing of such a step
  return Object.fromEntries(lines.filter(({ composed }) => composed > 0).map(({ op, declined }) => [op, declined]));
}

interface Given<D, B> {
  readonly objective: Objective<ModelParameters, D, B>;
  readonly batch: D;
  readonly parameters: ModelParameters;
  readonly options: Partial<OmoeOptions>;
  readonly base: BaseOptimizer<unknown>;
}

async function steps<D extends Scored, B>(
  t: Engine,
  { objective, batch: one, parameters, options, base }: Given<D, B>,
) {
  const optimizer = omoe(base, { accumulateSteps: 2, orthogonalSteps: 1, ...options });
  let current = { parameters, state: optimizer.initial(parametersOf(parameters)) };
  for (let step = 0; step < 3; step++) {
    const { next, figures } = await takeStep(t, current, {
      ...{ objective, optimizer, batches: [one], learningRate: 1e-3, clip: 1, name: 'test', step, key: key(step) },
    });
    expect(figures.phase).toBe(step === 2 ? 'orthogonal' : 'accumulate');
    current = next;
  }
}

it.each(['classify', 'tag', 'span', 'regress', 'masked'] as const)('%s: nothing is composed', async (objective) => {
  expect(await composedIn({ objective })).toEqual({});
});

it.each(['input', 'update'] as const)('%s side: nothing is composed', async (side) => {
  expect(await composedIn({ options: { side } })).toEqual({});
});

const variants: readonly (readonly [string, Stepping])[] = [
  ['columns of all tokens', { options: { statistic: 'tokens' } }],
  ['a hard subspace', { options: { combine: 'hard' } }],
  ['norms matched', { options: { control: 'norm-matched' } }],
  ['ALBERT', { family: 'albert' }],
  ['SGD', { base: sgd({ momentum: 0.9 }) as BaseOptimizer<unknown> }],
];
it.each(variants)('%s: nothing is composed', async (_, stepping) => {
  expect(await composedIn(stepping)).toEqual({});
});
