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
  /** Blocks that took no longer than timings vary by: what stands for them is that variation, the most that they may take. */
  readonly withinSpread: readonly Kind[];
  /** Seconds that the measurement took. */
  readonly took: number;
}

export type Kind = 'dense' | 'moe';
/** What is timed: embeddings and head alone, with a block of either kind, and an update. */
export type Part = 'rest' | Kind | 'update';

export interface MeasureOptions {
  /** Kinds of blocks to be timed. Default: those that the model has. */
  readonly kinds?: readonly Kind[];
  /** Tokens of the micro-batch that is timed, about; one example is the least. */
  readonly tokens?: number;
  /** Each part runs again behind a first run that does not count, at least three times and until its runs took so long together. */
  readonly seconds?: number;
  /** The seconds of one run. */
  readonly time?: (run: () => Promise<void>, part: Part) => Promise<number>;
}

const stopwatch = async (run: () => Promise<void>): Promise<number> => {
  const begun = performance.now();
  await run();
  return (performance.now() - begun) / 1000;
};

/** Times a step of the engine's backend, at the shapes of the rehearsal. */
export async function measureStep<D extends Counted, B>(
  t: Engine,
  rehearsal: Rehearsal<D, B>,
  { kinds, tokens = 1024, seconds = 0.5, time = stopwatch }: MeasureOptions = {},
): Promise<MeasuredStep> {
  const begun = performance.now();
  const { config, batch } = rehearsal;
  const { mean } = largeAndMean(rehearsal, batch);
  const examples = Math.max(1, Math.min(batch, Math.floor((batch * tokens) / mean)));
  const data = largeAndMean(rehearsal, examples).nearest;
  const scale = mean / data.tokens.length;

  const uses = blockUses(config);
  const wanted = kinds ?? (['dense', 'moe'] as const).filter((kind) => uses[kind].runs > 0);
  using own = t.region();
  const pass = (kind: Kind, blocks: number) => passOf(own, rehearsal, withBlocks(config, kind, blocks), data);
  const update = updateOf(own, config);
  const runs = new Map<Part, () => Promise<void>>([
    ['rest', pass('dense', 0)],
    ...wanted.map((kind) => [kind, pass(kind, 1)] as const),
    ['update', update.run],
  ]);
  const timings = await timeInTurn(runs, seconds, time);
  const [alone, updating] = [timings.get('rest')!, timings.get('update')!];
  const withinSpread: Kind[] = [];
  const block = (kind: Kind): number | null => {
    const whole = timings.get(kind);
    if (!whole) return null;
    const [difference, spread] = [whole.typical - alone.typical, whole.spread + alone.spread];
    if (difference <= spread) withinSpread.push(kind);
    return scale * Math.max(difference, spread);
  };
  return {
    rest: scale * alone.typical,
    dense: block('dense'),
    moe: block('moe'),
    update: updating.typical / update.numbers,
    timed: { examples, tokens: data.tokens.length },
    meanTokens: mean,
    withinSpread,
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

/** Forward and backward of the model, whose weights are tensors of `t`. */
function passOf<D extends Counted, B>(
  t: Engine,
  rehearsal: Rehearsal<D, B>,
  config: ModelConfig,
  data: D,
): () => Promise<void> {
  const objective = rehearsal.objective(config);
  const parameters = randomModel(t, config, rehearsal.parts);
  return async () => {
    using region = t.region();
    const lossAndGradients = region.valueAuxAndGrad((...given: Parameters<typeof objective.loss>) =>
      objective.loss(...given),
    );
    const { value } = lossAndGradients(region.borrow(parameters), objective.upload(region, data), null, key(0));
    await value.data();
    await t.backend.flush();
  };
}

/** The update of a block of the kind that is smaller, and how many numbers that has. */
function updateOf(t: Engine, config: ModelConfig): { readonly run: () => Promise<void>; readonly numbers: number } {
  const kind =
    config.moe && blockCount(config) === config.moe.layers.length && config.moe.experts < 2 ? 'moe' : 'dense';
  const { blocks } = randomModel(t, withBlocks(config, kind, 1), { pooler: false, mlm: false, head: null });
  const parameters = parametersOf(blocks);
  const optimizer = adamw();
  const state = optimizer.initial(parameters);
  const run = async () => {
    using region = t.region();
    const own = region.borrow({ parameters, state });
    // The parameters serve as gradients: their numbers are as good as any.
    const { gradients } = clipByGlobalNorm(own.parameters, 1);
    const { updates } = optimizer.step({ ...own, gradients, learningRate: 1e-5 });
    applyUpdates(own.parameters, updates);
    await t.backend.flush();
  };
  return { run, numbers: [...parameters.values()].reduce((sum, { size }) => sum + size, 0) };
}

interface Timing {
  /** Seconds, the median over runs. */
  readonly typical: number;
  /** The median distance from it. */
  readonly spread: number;
}

/**
 * Times the parts one after the other, round after round, so that what slows the machine for a while slows all of them. The first
 * round warms up.
 */
async function timeInTurn(
  runs: ReadonlyMap<Part, () => Promise<void>>,
  seconds: number,
  time: NonNullable<MeasureOptions['time']>,
): Promise<ReadonlyMap<Part, Timing>> {
  for (const [part, run] of runs) await time(run, part);
  const times = new Map([...runs.keys()].map((part): [Part, number[]] => [part, []]));
  const isDone = (part: Part): boolean => {
    const own = times.get(part)!;
    return own.length >= 3 && own.reduce((sum, each) => sum + each, 0) >= seconds;
  };
  for (let waiting = [...runs]; waiting.length > 0; waiting = waiting.filter(([part]) => !isDone(part)))
    for (const [part, run] of waiting) times.get(part)!.push(await time(run, part));
  return new Map(
    [...times].map(([part, own]) => {
      const typical = median(own);
      return [part, { typical, spread: median(own.map((each) => Math.abs(each - typical))) }];
    }),
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
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
