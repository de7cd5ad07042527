import { mainMetric } from '../tasks/score.ts';
import type { Task } from '../tasks/types.ts';
import { countParameters, estimateMemory, estimateSeconds, type ParameterCount } from '../train/estimate.ts';
import type { TrainPlan } from '../train/train-plan.ts';
import type { ComparePlan } from '../train/types.ts';
import { textTable } from './table.ts';

export interface DryRun {
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** What `--dry-run` tells: the plan, its parameters, memory and time; nothing has run. */
export function describePlan(
  plan: ComparePlan,
  task: Task,
  run: { readonly threads: number; readonly backend: string; readonly command: string },
): DryRun {
  const [vocabulary, classes] = [task.vocabularySize, task.classes.length];
  const sized = { ...plan, model: { ...plan.model, length: task.length } };
  const parameters = countParameters(sized.model, vocabulary, classes);
  const memory = estimateMemory(sized, parameters.moe);
  const seconds = estimateSeconds(sized, vocabulary, classes, run.threads);
  const data = { source: task.source, train: task.train.length, dev: task.dev.length };
  const rows = [
    ['task', `${plan.task} (${data.source}), ${data.train} training and ${data.dev} dev examples, ${task.metric.name}`],
    ['methods', plan.methods.map(({ name }) => name).join('  ')],
    ['seeds', plan.seeds.join(' ')],
    ['steps', `${plan.denseSteps} dense, then ${plan.steps} a method; batch ${plan.batch}`],
    [
      'model',
      Object.entries(sized.model)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
    ['parameters', `${parameters.dense} dense, ${parameters.moe} MoE, ${parameters.active} active for a token`],
    ['processes', `${run.threads}, backend ${run.backend}`],
    ['memory', `about ${mebibytes(memory.total)} MiB a process, plus Node itself`],
    ['time', `roughly ${duration(seconds)}, to within a factor of three`],
  ];
  return {
    text: `${textTable(['plan', ''], rows)}\n\nNothing was run.`,
    json: { schema: 'omoe.plan/1', ...run, data, parameters, memory, seconds, plan },
  };
}

/** The same of one training. */
export function describeTraining(
  plan: TrainPlan,
  task: Task,
  { counts, ...run }: { readonly threads: number; readonly command: string; readonly counts: ParameterCount },
): DryRun {
  const [vocabulary, classes] = [task.vocabularySize, task.classes.length];
  const sized = { ...plan, model: { ...plan.model, length: task.length } };
  // A dense training is the part of a comparison that all its methods share, and an upcycled one is that of a method.
  const comparison: ComparePlan = {
    ...{ ...sized, batch: plan.batch * plan.accumulate, methods: [plan.method], seeds: [plan.seed] },
    ...{ steps: plan.dense ? 0 : plan.steps, denseSteps: plan.dense ? plan.steps : 0 },
  };
  const parameters = plan.dense ? counts.dense : counts.moe;
  // Of a step's micro-batches only one is held at a time.
  const memory = estimateMemory({ ...comparison, batch: plan.batch }, parameters);
  const seconds = estimateSeconds(comparison, vocabulary, classes, run.threads);
  const data = { source: task.source, train: task.train.length, dev: task.dev.length };
  const rows = [
    ['task', `${plan.task} (${data.source}), ${data.train} training and ${data.dev} dev examples, ${mainMetric(task)}`],
    ['method', plan.dense ? `${plan.method.name}, dense` : plan.method.name],
    [
      'steps',
      `${plan.steps}; batch ${plan.batch}${plan.accumulate > 1 ? ` × ${plan.accumulate}` : ''}, seed ${plan.seed}`,
    ],
    ['schedule', `${plan.learningRate} at its peak, warm-up of ${plan.warmup} steps, then ${plan.decay}`],
    [
      'model',
      Object.entries(sized.model)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
    ['parameters', plan.dense ? `${parameters}` : `${parameters}, ${counts.active} active for a token`],
    ['checkpoints', `every ${plan.saveEvery} steps, the newest ${plan.keep} and the best are kept`],
    ['backend', `${plan.backend}, ${run.threads} threads`],
    ['memory', `about ${mebibytes(memory.total)} MiB, plus Node itself`],
    ['time', `roughly ${duration(seconds)}, to within a factor of three`],
  ];
  return {
    text: `${textTable(['plan', ''], rows)}\n\nNothing was run.`,
    json: { schema: 'omoe.train-plan/1', ...run, data, parameters, memory, seconds, plan },
  };
}

const mebibytes = (bytes: number) => Math.max(1, Math.round(bytes / 2 ** 20));

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
