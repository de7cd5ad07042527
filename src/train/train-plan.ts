import { UsageError } from '../errors.ts';
import { crc32c } from '../io/crc.ts';
import type { Schedule } from '../optim/schedule.ts';
import { findGenerated } from '../tasks/generated.ts';
import type { Example, Task } from '../tasks/types.ts';
import type { BaseModel } from './base-model.ts';
import { flagReader } from './flags.ts';
import { parseMethods } from './parse-methods.ts';
import { checkFiles, defaultsOf, type EncoderFlags, embeddedTask, largestSeed } from './plan.ts';
import { pretrainedPlan, withShapeOf } from './pretrained-plan.ts';
import type { Method, ModelShape, PretrainedPlan } from './types.ts';

/** What the command line of `train` may carry, as text; whatever is absent takes the default of the task. */
export interface TrainFlags extends EncoderFlags {
  readonly task?: string;
  readonly data?: string;
  readonly method?: string;
  readonly dense?: boolean;
  readonly seed?: string;
  readonly steps?: string;
  readonly batch?: string;
  readonly accumulate?: string;
  readonly buckets?: string;
  readonly decay?: string;
  readonly evalEvery?: string;
  readonly patience?: string;
  readonly saveEvery?: string;
  readonly keep?: string;
}

/** One training. With its backend it determines every number, but for `saveEvery` and `keep`, on which none depends. */
export interface TrainPlan {
  readonly task: string;
  readonly data?: string;
  readonly vocab?: string;
  /** Absent: the small encoder, drawn afresh. */
  readonly pretrained?: PretrainedPlan;
  /** A sum over the folder of `pretrained`. */
  readonly baseSum?: number;
  readonly method: Method;
  /** Without experts: the encoder as it is before an upcycle. */
  readonly dense: boolean;
  readonly seed: number;
  readonly steps: number;
  /** Examples in a micro-batch. */
  readonly batch: number;
  /** Micro-batches in a step. */
  readonly accumulate: number;
  /** Batches in a window that is sorted by length (src/tasks/buckets.ts). */
  readonly buckets: number;
  readonly model: ModelShape;
  readonly learningRate: number;
  readonly decay: Schedule['decay'];
  readonly weightDecay: number;
  readonly warmup: number;
  readonly clip: number;
  readonly balanceLoss: number;
  readonly zLoss: number;
  readonly capacityFactor: number | null;
  readonly trainLimit: number | null;
  readonly devLimit: number | null;
  readonly evaluateEvery: number | null;
  readonly patience: number | null;
  readonly saveEvery: number | null;
  /** Checkpoints that are kept, the newest ones. */
  readonly keep: number;
  readonly backend: string;
}

const decays = ['linear', 'cosine', 'constant'] as const;

/**
 * The whole plan of a training from the command line, defaults filled in and everything checked.
 * @param base what `flags.model` names
 * @throws UsageError naming the option, what was written and what it takes
 */
export function trainPlan(flags: TrainFlags, base: BaseModel | null = null): TrainPlan {
  const { integer, decimal, modelShape } = flagReader('train');
  const task = flags.task ?? embeddedTask;
  const generated = findGenerated(task);
  checkFiles(task, flags, 'train');
  const pretrained = pretrainedPlan(flags, 'train');
  const defaults = defaultsOf(task);
  const dense = flags.dense ?? false;
  const optional = (option: string, text: string | undefined) =>
    text === undefined ? null : integer(option, text, 1, 1);
  const steps = integer('--steps', flags.steps, dense && !pretrained ? defaults.denseSteps : defaults.steps, 1);
  const decay = decays.find((name) => name === (flags.decay ?? 'linear'));
  if (!decay)
    throw new UsageError({
      operation: 'train --decay',
      received: `"${flags.decay}"`,
      expected: decays.join(', '),
    });
  if (flags.patience !== undefined && flags.evalEvery === undefined)
    throw new UsageError({
      operation: 'train --patience',
      received: 'no --eval-every',
      expected: 'how often to evaluate',
      advice: 'Patience counts evaluations.',
    });
  const plan: TrainPlan = {
    task,
    ...(generated ? {} : { data: flags.data, vocab: flags.vocab }),
    ...(pretrained ? { pretrained } : {}),
    ...(base ? { baseSum: base.sum } : {}),
    method: methodOf(flags.method, dense, defaults.omoe),
    dense,
    seed: integer('--seed', flags.seed, 0, 0, largestSeed),
    steps,
    batch: integer('--batch', flags.batch, defaults.batch, 1),
    accumulate: integer('--accumulate', flags.accumulate, 1, 1),
    buckets: integer('--buckets', flags.buckets, 32, 1),
    model: modelShape(flags, defaults.model),
    learningRate: decimal('--lr', flags.lr, defaults.learningRate, 'above 0'),
    decay,
    weightDecay: decimal('--weight-decay', flags.weightDecay, 0.01),
    warmup: integer('--warmup', flags.warmup, Math.min(steps, 20), 0, steps),
    clip: decimal('--clip', flags.clip, 1, 'above 0'),
    balanceLoss: decimal('--balance-loss', flags.balanceLoss, 1e-2),
    zLoss: decimal('--z-loss', flags.zLoss, 0),
    capacityFactor:
      flags.capacityFactor === undefined ? null : decimal('--capacity-factor', flags.capacityFactor, 1, 'above 0'),
    trainLimit: optional('--train-limit', flags.trainLimit),
    devLimit: optional('--dev-limit', flags.devLimit),
    evaluateEvery: optional('--eval-every', flags.evalEvery),
    patience: optional('--patience', flags.patience),
    saveEvery: integer('--save-every', flags.saveEvery, 50, 1),
    keep: integer('--keep', flags.keep, 2, 1),
    backend: flags.backend ?? 'auto',
  };
  if (!base) return plan;
  if (dense) requireDense(flags, base);
  return withShapeOf(plan, base.config, flags, 'train');
}

/** @throws UsageError for what a dense model does not have, asked for or brought along */
function requireDense({ model, experts, topK, moeLayers }: TrainFlags, { config }: BaseModel): void {
  const received = config.moe
    ? `${model}, which has experts`
    : [experts && '--experts', topK && '--top-k', moeLayers && '--moe-layers'].find(Boolean);
  if (received) throw new UsageError({ operation: 'train --dense', received, expected: 'a model without experts' });
}

/** One method: `omoe` unless another is named; without experts there is nothing to protect, so only `adamw` is left. */
function methodOf(text: string | undefined, dense: boolean, defaults: Parameters<typeof parseMethods>[1]): Method {
  const methods = parseMethods(text ?? (dense ? 'adamw' : 'omoe'), defaults);
  if (methods.length > 1)
    throw new UsageError({
      operation: 'train --method',
      received: `${methods.length} methods`,
      expected: 'one',
      advice: '`omoe compare` trains several.',
    });
  if (dense && methods[0].omoe !== null)
    throw new UsageError({
      operation: 'train --dense',
      received: `--method ${methods[0].name}`,
      expected: 'adamw',
      advice: 'A dense model has no experts to keep apart.',
    });
  return methods[0];
}

/**
 * What a checkpoint remembers, and a resumed training must have again: the plan but for what no number depends on, and the data
 * themselves, by their counts and a sum over them.
 */
export function recordOf(plan: TrainPlan, task: Task): Readonly<Record<string, unknown>> {
  const { saveEvery, keep, data, vocab, pretrained, ...determining } = plan;
  // Files are known by their sums, not by where they lie.
  const { folder: _, ...tuning } = pretrained ?? {};
  return {
    ...determining,
    ...(pretrained ? { pretrained: tuning } : {}),
    examples: { train: task.train.length, dev: task.dev.length, sum: sumOf([...task.train, ...task.dev]) },
  };
}

/** CRC-32C over everything the examples say. */
function sumOf(examples: readonly Example[]): number {
  const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let sum = 0;
  for (const { tokens, segments, label, spans, choices, tags, answer, row, domain } of examples) {
    sum = crc32c(bytes(Int32Array.of(tokens.length)), crc32c(bytes(tokens), sum));
    if (segments) sum = crc32c(segments, sum);
    for (const choice of choices ?? []) sum = crc32c(bytes(choice.tokens), sum);
    if (tags) sum = crc32c(bytes(tags), sum);
    const places = [...(spans ?? []), ...(answer ? [answer] : [])].flatMap(({ from, to }) => [from, to]);
    sum = crc32c(bytes(Float64Array.from([label, row ?? -1, domain ?? -1, ...places])), sum);
  }
  return sum;
}

export const scheduleOf = ({ learningRate, warmup, steps, decay }: TrainPlan): Schedule => ({
  ...{ peak: learningRate, warmup, total: steps, decay },
});
