import type { Engine } from '../engine.ts';
import type { EncoderParameters } from '../nn/encoder.ts';
import type { AdamWState } from '../optim/adamw.ts';
import { clipByGlobalNorm } from '../optim/clip.ts';
import type { OmoeOptimizer, OmoeState } from '../optim/omoe.ts';
import type { LinearReport } from '../optim/omoe-report.ts';
import { parametersOf } from '../optim/optimizer.ts';
import { learningRate } from '../optim/schedule.ts';
import { pendingNumber, readTogether } from '../pending.ts';
import type { Batch } from '../tasks/types.ts';
import { leaves, mapTree } from '../tree.ts';
import { classifierLoss, upload } from './classifier.ts';
import { refuseNonFinite } from './guard.ts';
import type { ComparePlan, StepEvent } from './types.ts';

export interface Run {
  readonly plan: ComparePlan;
  readonly steps: number;
  readonly batchOf: (step: number) => Batch;
  /** For messages, e.g. `omoe, seed 0`. */
  readonly name: string;
}
export type TrainedStep = Omit<StepEvent, 'seed' | 'method'>;

/**
 * The training loop: loss and gradients, clipping, the optimizer's step, one read, a finite check, and only then the new
 * parameters. Each step's tensors live in a region of their own; parameters and state are kept from step to step.
 * @throws DivergedError at the first step whose loss or gradient norm is NaN or infinite; that step is not applied
 */
export async function train(
  t: Engine,
  start: EncoderParameters,
  optimizer: OmoeOptimizer<AdamWState>,
  { plan, steps, batchOf, name }: Run,
  onStep: (step: TrainedStep, reports: readonly LinearReport[]) => void,
): Promise<EncoderParameters> {
  let current: Generation = { parameters: start, state: optimizer.initial(parametersOf(start)) };
  const schedule = {
    peak: plan.learningRate,
    warmup: Math.min(plan.warmup, steps),
    total: steps,
    decay: 'linear',
  } as const;

  for (let step = 0; step < steps; step++) {
    const begun = performance.now();
    using region = t.region();
    const { parameters, state } = region.borrow(current);
    const batch = upload(region, batchOf(step));
    const lossAndGradients = region.valueAuxAndGrad(classifierLoss);
    const { value, aux, gradients } = lossAndGradients(parameters, batch, plan, optimizer.recording(state));
    const clipped = clipByGlobalNorm(parametersOf(gradients), plan.clip);
    const result = await optimizer.step({
      parameters: parametersOf(parameters),
      gradients: clipped.gradients,
      state,
      learningRate: learningRate(step, schedule),
      records: aux.records,
    });
    const next = {
      parameters: mapTree(parameters, (parameter, path) => parameter.add(result.updates.get(path)!)),
      state: result.state,
    };

    const [loss, taskLoss, balanceLoss, gradientNorm, reports] = await readTogether(
      pendingNumber(value),
      pendingNumber(aux.task),
      pendingNumber(aux.balance),
      pendingNumber(clipped.norm),
      result.reports,
    );
    await refuseNonFinite(name, step, { loss, gradientNorm }, suspects(parameters, aux, value, gradients));

    const kept = region.keep(next);
    t.free(step === 0 ? current.state : current, { except: [kept, start] });
    current = kept;
    await t.backend.flush();
    const milliseconds = performance.now() - begun;
    onStep({ step, steps, phase: result.phase, loss, taskLoss, balanceLoss, gradientNorm, milliseconds }, reports);
  }
  return current.parameters;
}

/** What one step hands to the next. */
interface Generation {
  readonly parameters: EncoderParameters;
  readonly state: OmoeState<AdamWState>;
}

/** In the order of computation: parameters, router logits, class logits, loss, gradients. */
function* suspects(
  parameters: EncoderParameters,
  aux: ReturnType<typeof classifierLoss>[1],
  loss: ReturnType<typeof classifierLoss>[0],
  gradients: EncoderParameters,
) {
  for (const { path, tensor } of leaves(parameters)) yield [`the parameter ${path}`, tensor] as const;
  for (const [layer, logits] of aux.routerLogits.entries())
    yield [`the router logits of MoE layer ${layer}`, logits] as const;
  yield ['the class logits', aux.logits] as const;
  yield ['the loss', loss] as const;
  for (const { path, tensor } of leaves(gradients)) yield [`the gradient of ${path}`, tensor] as const;
}
