import type { Engine } from '../engine.ts';
import { blockCount, type ModelConfig } from '../models/config.ts';
import { buildTree, type ModelParameters } from '../models/parameters.ts';
import { adamw } from '../optim/adamw.ts';
import { clipByGlobalNorm } from '../optim/clip.ts';
import { applyUpdates, parametersOf } from '../optim/optimizer.ts';
import { key, normal } from '../random.ts';
import { sizeOf } from '../shape.ts';
import { blockUses, type Counted, largeAndMean, type Rehearsal, withBlocks } from './rehearsal.ts';

/**
 * How long a training step takes, from parts of one that are timed here: forward and backward of the embeddings and the head
 * alone, of the same with one dense block, of the same with one block of experts, and an update of one block. So a model of any
 * depth is judged without its weights, and without room for them.
 */
export interface MeasuredStep {
  /** Seconds of forward and backward, of a mean micro-batch: embeddings and head, and each run of a block; null: not timed. */
  readonly rest: number;
  readonly dense: number | null;
  readonly moe: number | null;
  /** Seconds of clipping, AdamW and adding, of one number. */
  readonly update: number;
  /** The micro-batch that was timed, and the tokens of a mean one; the passes are scaled from the one to the other. */
  readonly timed: { readonly examples: number; readonly tokens: number };
  readonly meanTokens: number;
  /** Seconds that the measurement took. */
  readonly took: number;
}

type Kind = 'dense' | 'moe';

export interface MeasureOptions {
  /** Kinds of blocks to be timed. Default: those that the model has. */
  readonly kinds?: readonly Kind[];
  /** Tokens of the micro-batch that is timed, about; one example is the least. */
  readonly tokens?: number;
  /** Each part is timed again until it took so many seconds, at most four times; the first does not count if there are more. */
  readonly patience?: number;
}

/** Times a step of the engine's backend, at the shapes of the rehearsal. */
export async function measureStep<D extends Counted, B>(
  t: Engine,
  rehearsal: Rehearsal<D, B>,
  { kinds, tokens = 1024, patience = 4 }: MeasureOptions = {},
): Promise<MeasuredStep> {
  const begun = performance.now();
  const { config, batch } = rehearsal;
  const { mean } = largeAndMean(rehearsal, batch);
  const examples = Math.max(1, Math.min(batch, Math.floor((batch * tokens) / mean)));
  const data = largeAndMean(rehearsal, examples).nearest;
  const scale = mean / data.tokens.length;

  const uses = blockUses(config);
  const wanted = kinds ?? (['dense', 'moe'] as const).filter((kind) => uses[kind].runs > 0);
  const pass = (kind: Kind, blocks: number) =>
    timePass(t, rehearsal, withBlocks(config, kind, blocks), data, 1000 * patience);
  const alone = await pass('dense', 0);
  const block = async (kind: Kind) =>
    wanted.includes(kind) ? scale * Math.max(0, (await pass(kind, 1)) - alone) : null;
  return {
    rest: scale * alone,
    dense: await block('dense'),
    moe: await block('moe'),
    update: await timeUpdate(t, config, 1000 * patience),
    timed: { examples, tokens: data.tokens.length },
    meanTokens: mean,
    took: (performance.now() - begun) / 1000,
  };
}

/** Seconds of a whole step of a model, of which only the kinds of blocks need be those that were timed. */
export function stepSeconds(
  { rest, dense, moe, update }: MeasuredStep,
  { config, accumulate }: Pick<Rehearsal<never, never>, 'accumulate' | 'config'>,
  parameters: number,
): number {
  return accumulate * passSeconds({ rest, dense, moe }, config) + update * parameters;
}

/** Seconds of forward and backward of a mean micro-batch. The forward pass alone is about a third of it. */
export function passSeconds({ rest, dense, moe }: Pick<MeasuredStep, 'rest' | Kind>, config: ModelConfig): number {
  const uses = blockUses(config);
  return rest + uses.dense.runs * (dense ?? 0) + uses.moe.runs * (moe ?? 0);
}

async function timePass<D extends Counted, B>(
  t: Engine,
  rehearsal: Rehearsal<D, B>,
  config: ModelConfig,
  data: D,
  patience: number,
): Promise<number> {
  const objective = rehearsal.objective(config);
  const parameters = randomModel(t, config, rehearsal.parts);
  try {
    return await typicalTime(patience, async () => {
      using region = t.region();
      const lossAndGradients = region.valueAuxAndGrad((...given: Parameters<typeof objective.loss>) =>
        objective.loss(...given),
      );
      const { value } = lossAndGradients(region.borrow(parameters), objective.upload(region, data), null, key(0));
      await value.data();
      await t.backend.flush();
    });
  } finally {
    t.free(parameters);
  }
}

/** Of one number, in a block of the kind that is smaller. */
async function timeUpdate(t: Engine, config: ModelConfig, patience: number): Promise<number> {
  const kind =
    config.moe && blockCount(config) === config.moe.layers.length && config.moe.experts < 2 ? 'moe' : 'dense';
  const { blocks } = randomModel(t, withBlocks(config, kind, 1), { pooler: false, mlm: false, head: null });
  const parameters = parametersOf(blocks);
  const optimizer = adamw();
  const state = optimizer.initial(parameters);
  const numbers = [...parameters.values()].reduce((sum, { size }) => sum + size, 0);
  const seconds = await typicalTime(patience, async () => {
    using region = t.region();
    const own = region.borrow({ parameters, state });
    // The parameters serve as gradients: their numbers are as good as any.
    const { gradients } = clipByGlobalNorm(own.parameters, 1);
    const { updates } = optimizer.step({ ...own, gradients, learningRate: 1e-5 });
    applyUpdates(own.parameters, updates);
    await t.backend.flush();
  });
  t.free([blocks, state]);
  return seconds / numbers;
}

/** Seconds: the median of up to three runs behind a first one, or the first where that has used up the patience (milliseconds). */
async function typicalTime(patience: number, run: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  let spent = 0;
  while (times.length < 4 && spent <= patience) {
    const begun = performance.now();
    await run();
    times.push(performance.now() - begun);
    spent += times.at(-1)!;
  }
  const counted = times.slice(times.length > 1 ? 1 : 0).sort((a, b) => a - b);
  return counted[Math.floor((counted.length - 1) / 2)] / 1000;
}

/** Weights that are random enough for routers to spread tokens: one draw, over and over, as drawing millions takes longer than a step. */
function randomModel(t: Engine, config: ModelConfig, parts: Rehearsal<never, never>['parts']): ModelParameters {
  const drawn = Float32Array.from(normal(key(1), 65_537, 0, config.initial));
  // A model without blocks is not to be had; it is one whose only block is taken out again.
  const some = config.layers > 0 ? config : withBlocks(config, 'dense', 1);
  const { blocks, ...rest } = buildTree(some, parts, (path, shape) => {
    if (path.endsWith('bias')) return t.zeros(shape);
    if (/norm\d?\.weight$/.test(path)) return t.ones(shape);
    const numbers = new Float32Array(sizeOf(shape));
    for (let at = 0; at < numbers.length; at += drawn.length)
      numbers.set(at + drawn.length <= numbers.length ? drawn : drawn.subarray(0, numbers.length - at), at);
    return t.tensor(numbers, shape);
  });
  if (config.layers > 0) return { ...rest, blocks };
  t.free(blocks);
  return { ...rest, blocks: [] };
}
