import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { methodTable } from '../optim/methods.ts';
import type { OmoeOptions } from '../optim/options.ts';
import { diagnosticNames, findDiagnostic, refuseTraining } from '../tasks/diagnostic.ts';
import { findGenerated } from '../tasks/generated.ts';
import { taskNames } from '../tasks/index.ts';
import { flagReader } from './flags.ts';
import { parseMethods } from './parse-methods.ts';
import { type PretrainedFlags, pretrainedPlan } from './pretrained-plan.ts';
import type { ComparePlan, ModelShape } from './types.ts';

export const { integer, decimal, modelShape } = flagReader('compare');

/** What the command line of whatever trains the small encoder may carry, as text: `encoderOptions` of src/cli. */
export interface EncoderFlags extends PretrainedFlags {
  readonly lr?: string;
  readonly weightDecay?: string;
  readonly warmup?: string;
  readonly clip?: string;
  readonly balanceLoss?: string;
  readonly zLoss?: string;
  readonly capacityFactor?: string;
  readonly trainLimit?: string;
  readonly devLimit?: string;
  readonly experts?: string;
  readonly topK?: string;
  readonly length?: string;
  readonly backend?: string;
}

/** What the command line of `compare` may carry, as text; whatever is absent takes the default of the task. */
export interface CompareFlags extends EncoderFlags {
  readonly task?: string;
  readonly data?: string;
  readonly methods?: string;
  readonly seed?: string;
  readonly seeds?: string;
  readonly steps?: string;
  readonly denseSteps?: string;
  readonly batch?: string;
}

/** The name of the generated task that ships with the package and needs no files. */
export const embeddedTask = 'embedded';

export interface PlanDefaults {
  readonly methods: string;
  /** Options of every OMoE method unless it says otherwise. */
  readonly omoe: Partial<OmoeOptions>;
  readonly seeds: number;
  readonly steps: number;
  readonly denseSteps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly model: ModelShape;
}

/**
 * Every method and control at five seeds on a small model: three minutes on two cores. The cycle is short, so that 100 steps hold
 * two whole ones.
 */
export const embeddedDefaults: PlanDefaults = {
  methods: methodTable.map(({ id }) => id).join(','),
  omoe: { accumulateSteps: 25, orthogonalSteps: 25 },
  seeds: 5,
  steps: 100,
  denseSteps: 300,
  batch: 32,
  learningRate: 3e-3,
  model: { width: 64, ffn: 128, layers: 1, heads: 4, experts: 4, topK: 2, length: 16 },
};

/** Real text: five seeds, the least that an interval says anything for. */
export const realDefaults: PlanDefaults = {
  methods: 'adamw,omoe,own-span,omoe-paper',
  omoe: {},
  seeds: 5,
  steps: 200,
  denseSteps: 300,
  batch: 32,
  learningRate: 5e-4,
  model: { width: 64, ffn: 256, layers: 1, heads: 4, experts: 8, topK: 2, length: 32 },
};

/** The defaults of a task. A generated one gets the positions that hold every example of it. */
export const defaultsOf = (task: string): PlanDefaults => {
  const generated = findGenerated(task);
  return generated
    ? { ...embeddedDefaults, model: { ...embeddedDefaults.model, length: generated.length } }
    : realDefaults;
};

/** At most so many seeds in one comparison; more is a typing error. */
const mostSeeds = 1000;
/** Seeds are 32-bit: the generator's key takes no more. */
export const largestSeed = 2 ** 32 - 1;

/**
 * The whole plan of a comparison from the command line, defaults filled in and everything checked.
 * With a backend it determines every number of the comparison.
 *
 * @throws UsageError naming the option, what was written and what it takes
 */
export function comparePlan(flags: CompareFlags): ComparePlan {
  const task = flags.task ?? embeddedTask;
  checkFiles(task, flags);
  const defaults = defaultsOf(task);
  const pretrained = pretrainedPlan(flags, 'compare');
  return {
    task,
    ...(findGenerated(task) ? {} : { data: flags.data, vocab: flags.vocab }),
    ...(pretrained ? { pretrained } : {}),
    methods: parseMethods(flags.methods ?? defaults.methods, defaults.omoe),
    seeds: parseSeeds(flags.seeds ?? String(defaults.seeds), flags.seed),
    steps: integer('--steps', flags.steps, defaults.steps, 1),
    denseSteps: integer('--dense-steps', flags.denseSteps, pretrained ? 0 : defaults.denseSteps, 0),
    batch: integer('--batch', flags.batch, defaults.batch, 1),
    model: modelShape(flags, defaults.model),
    learningRate: decimal('--lr', flags.lr, defaults.learningRate, 'above 0'),
    weightDecay: decimal('--weight-decay', flags.weightDecay, 0.01),
    warmup: integer('--warmup', flags.warmup, 20, 0),
    clip: decimal('--clip', flags.clip, 1, 'above 0'),
    balanceLoss: decimal('--balance-loss', flags.balanceLoss, 1e-2),
    zLoss: decimal('--z-loss', flags.zLoss, 0),
    capacityFactor:
      flags.capacityFactor === undefined ? null : decimal('--capacity-factor', flags.capacityFactor, 1, 'above 0'),
    trainLimit: flags.trainLimit === undefined ? null : integer('--train-limit', flags.trainLimit, 1, 1),
    devLimit: flags.devLimit === undefined ? null : integer('--dev-limit', flags.devLimit, 1, 1),
    backend: flags.backend ?? 'auto',
  };
}

/** A real task needs its folder and a vocabulary; the embedded one would ignore them, and ignoring silently is worse than refusing. */
export function checkFiles(
  task: string,
  { data, vocab, model }: Pick<CompareFlags, 'data' | 'vocab' | 'model'>,
  command = 'compare',
): void {
  if (findGenerated(task)) {
    const given = data !== undefined ? '--data' : vocab !== undefined ? '--vocab' : undefined;
    if (given === undefined) return;
    throw new UsageError({
      operation: command,
      received: `${given} with the ${task} task`,
      expected: `no ${given}`,
      advice: 'Name a task with --task, for example --task sst2.',
    });
  }
  const diagnostic = findDiagnostic(task);
  if (diagnostic && command !== 'eval') throw refuseTraining(`${command} --task`, diagnostic);
  const names = command === 'eval' ? [...taskNames, ...diagnosticNames] : taskNames;
  if (!names.includes(task)) {
    throw new UsageError({
      operation: `${command} --task`,
      received: `"${task}"`,
      expected: `one of ${names.join(', ')}`,
      advice: didYouMean(task, names),
    });
  }
  const cutter = vocab === undefined && model === undefined ? '--vocab FILE' : '';
  const missing = [data === undefined ? '--data DIR' : '', cutter].filter(Boolean);
  if (missing.length > 0) {
    throw new UsageError({
      operation: `${command} --task ${task}`,
      received: `no ${missing.join(' and no ')}`,
      expected: 'the folder of the task, and a BERT vocab.txt or the --model that has its own',
      advice: 'Run it without --task for the embedded demonstration, which needs no files.',
    });
  }
}

/**
 * `--seeds 5` is s … s+4 with s from `--seed` (default 0); `--seeds 3,7,9` is these.
 *
 * @throws UsageError for anything but distinct integers from 0 to 2³² − 1, and for a list together with `--seed`
 */
export function parseSeeds(seeds: string, seed?: string): number[] {
  if (seeds.includes(',')) {
    if (seed !== undefined) {
      throw new UsageError({
        operation: 'compare --seeds',
        received: `the list ${seeds} together with --seed ${seed}`,
        expected: 'either a list or a first seed',
      });
    }
    const list = seeds.split(',').map((item) => (/^\s*\d+\s*$/.test(item) ? Number(item) : Number.NaN));
    // Of `1,` the item that is wrong is empty: the message names the whole list.
    if (!list.every((seed) => seed <= largestSeed)) {
      throw new UsageError({
        operation: 'compare --seeds',
        received: `"${seeds}"`,
        expected: `integers from 0 to ${largestSeed} with commas between them`,
      });
    }
    if (new Set(list).size < list.length) {
      throw new UsageError({ operation: 'compare --seeds', received: seeds, expected: 'each seed once' });
    }
    return list;
  }
  const count = integer('--seeds', seeds, 0, 1, mostSeeds);
  const first = integer('--seed', seed, 0, 0, largestSeed - count + 1);
  return Array.from({ length: count }, (_, i) => first + i);
}

/**
 * What a plan will do that its writer may not have meant; nothing here stops it.
 * Step t (from 0) is orthogonal when t mod (accumulateSteps + orthogonalSteps) ≥ accumulateSteps.
 */
export function planWarnings(plan: ComparePlan): string[] {
  const warnings: string[] = [];
  for (const { name, omoe } of plan.methods) {
    if (omoe !== null && omoe.orthogonalSteps > 0 && plan.steps <= omoe.accumulateSteps) {
      warnings.push(
        `${name} has no orthogonal step: ${plan.steps} steps end within its first ${omoe.accumulateSteps} accumulating ones, ` +
          'so it equals the base optimizer. Raise --steps, or lower accumulateSteps.',
      );
    }
  }
  if (plan.methods.every(({ name }) => name !== 'adamw')) {
    warnings.push(`adamw is not among the methods: differences are taken to ${plan.methods[0].name}, the first one.`);
  }
  if (plan.seeds.length < 2) warnings.push('One seed has no interval: use --seeds 2 or more to see the spread.');
  return warnings;
}

/** The method that all others are compared to: `adamw` where it runs, otherwise the first. */
export function baselineOf(plan: ComparePlan): string {
  return (plan.methods.find(({ name }) => name === 'adamw') ?? plan.methods[0]).name;
}
