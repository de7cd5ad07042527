import { totalmem } from 'node:os';
import type { ModelConfig } from '../models/config.ts';
import { countModel } from '../models/count.ts';
import { mainMetric } from '../tasks/score.ts';
import type { Task } from '../tasks/types.ts';
import { headOf, sparseConfig } from '../train/pretrained.ts';
import { type Rehearsal, rehearseTask } from '../train/rehearsal.ts';
import type { TrainPlan } from '../train/train-plan.ts';
import type { ComparePlan, PretrainedPlan } from '../train/types.ts';
import type { DryRun } from './dry-run.ts';
import { costRows, costsOf, type Work, withThreads } from './measured-step.ts';
import { textTable } from './table.ts';

/** What `--dry-run` tells of a fine-tuning: the plan, the model of its folder, and what a step of it costs. No weights are read. */

type FineTuned = Pick<
  ComparePlan,
  'task' | 'model' | 'batch' | 'capacityFactor' | 'balanceLoss' | 'zLoss' | 'methods'
> & { readonly pretrained: PretrainedPlan };

/** @param config of the folder */
export const rehearsalOf = (plan: FineTuned, task: Task, config: ModelConfig, accumulate = 1) =>
  rehearseTask({
    ...{ config: sparseConfig(plan, config), head: headOf(task), task, accumulate, batch: plan.batch },
    ...{ dropout: plan.pretrained.dropout, capacityFactor: plan.capacityFactor },
    weights: { balanceLoss: plan.balanceLoss, zLoss: plan.zLoss },
    methods: plan.methods.map(({ omoe }) => omoe),
  });

/** Parameters of the model that a folder becomes. @param config of the folder */
export const fineTunedCount = (plan: FineTuned, task: Task, config: ModelConfig) =>
  countModel(sparseConfig(plan, config), headOf(task));

/** `compare --model --dry-run` */
export async function describeFineTunedPlan(
  plan: ComparePlan & { readonly pretrained: PretrainedPlan },
  task: Task,
  config: ModelConfig,
  run: { readonly threads: number; readonly backend: string; readonly command: string },
): Promise<DryRun> {
  const seeds = plan.seeds.length;
  const jobs = seeds * plan.methods.length;
  const rehearsal = rehearsalOf(plan, task, config);
  const parameters = fineTunedCount(plan, task, config);
  const work: Work = {
    parameters,
    ...{ denseSteps: seeds * plan.denseSteps, steps: jobs * plan.steps },
    evaluated: jobs * task.dev.length,
    ...{ backend: run.backend, processes: run.threads, machine: totalmem() },
  };
  return described('omoe.plan/1', { plan, task, run, rehearsal, work }, [
    ['methods', plan.methods.map(({ name }) => name).join('  ')],
    ['seeds', plan.seeds.join(' ')],
    ['steps', `${plan.denseSteps} dense, then ${plan.steps} a method; batch ${plan.batch}`],
    ['processes', `${run.threads}, backend ${run.backend}`],
  ]);
}

type TuningPlan = TrainPlan & { readonly pretrained: PretrainedPlan };

/** What `train --model` is to do, and with what. */
export function fineTuningWork(plan: TuningPlan, task: Task, config: ModelConfig, threads: number) {
  const sparse = rehearsalOf({ ...plan, methods: [plan.method] }, task, config, plan.accumulate);
  const rehearsal = plan.dense ? { ...sparse, config, methods: [] } : sparse;
  const evaluations = plan.evaluateEvery ? Math.ceil(plan.steps / plan.evaluateEvery) : 1;
  const dense = rehearsal.config.moe === null;
  const work: Work = {
    parameters: countModel(rehearsal.config, headOf(task)),
    ...{ denseSteps: dense ? plan.steps : 0, steps: dense ? 0 : plan.steps },
    evaluated: evaluations * task.dev.length,
    ...{ backend: withThreads(plan.backend, threads), processes: 1, machine: totalmem() },
  };
  return { rehearsal, work };
}

/** `train --model --dry-run` */
export async function describeFineTuning(
  plan: TuningPlan,
  task: Task,
  config: ModelConfig,
  run: { readonly threads: number; readonly command: string },
): Promise<DryRun> {
  const { rehearsal, work } = fineTuningWork(plan, task, config, run.threads);
  return described('omoe.train-plan/1', { plan, task, run, rehearsal, work }, [
    ['method', plan.dense ? `${plan.method.name}, dense` : plan.method.name],
    [
      'steps',
      `${plan.steps}; batch ${plan.batch}${plan.accumulate > 1 ? ` × ${plan.accumulate}` : ''}, seed ${plan.seed}`,
    ],
    ['schedule', `${plan.learningRate} at its peak, warm-up of ${plan.warmup} steps, then ${plan.decay}`],
    ['checkpoints', `every ${plan.saveEvery} steps, the newest ${plan.keep} and the best are kept`],
    ['backend', `${plan.backend}, ${run.threads} threads`],
  ]);
}

interface Given {
  readonly plan: { readonly task: string; readonly pretrained: PretrainedPlan };
  readonly task: Task;
  readonly run: object;
  readonly rehearsal: ReturnType<typeof rehearsalOf>;
  readonly work: Work;
}

async function described(
  schema: string,
  { plan, task, run, rehearsal, work }: Given,
  own: readonly (readonly [string, string])[],
): Promise<DryRun> {
  const costs = await costsOf(rehearsal, work);
  const { parameters } = costs;
  const data = { source: task.source, train: task.train.length, dev: task.dev.length };
  const rows = [
    ['task', `${plan.task} (${data.source}), ${data.train} training and ${data.dev} dev examples, ${mainMetric(task)}`],
    ...own.map((row) => [...row]),
    ['model', modelText(rehearsal, plan.pretrained.folder, task.length)],
    [
      'parameters',
      rehearsal.config.moe
        ? `${parameters.dense} dense, ${parameters.moe} MoE, ${parameters.active} active for a token`
        : `${parameters.dense}`,
    ],
    ...costRows(costs, work.processes),
  ];
  return {
    text: `${textTable(['plan', ''], rows)}\n\nNothing was trained.`,
    json: { schema, ...run, data, ...costs, plan },
  };
}

function modelText({ config }: Pick<Rehearsal<never, never>, 'config'>, folder: string, length: number): string {
  const { family, layers, width, hidden, heads, moe } = config;
  const experts = moe ? `; ${moe.experts} experts, top-${moe.k}, in blocks ${moe.layers.join(' ')}` : '';
  return `${family} of ${folder}: ${layers} layers, width ${width}, ffn ${hidden}, ${heads} heads, length ${length}${experts}`;
}
