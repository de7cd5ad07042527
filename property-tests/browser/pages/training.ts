import type { Engine, Tensor } from 'omoe';
import { key } from 'omoe';
import { type MoEParameters, moe, type Recording, recordStatistics, topKBalance, upcycle } from 'omoe/moe';
import { initFeedForward } from 'omoe/nn';
import { type AdamWState, adamw, type OmoeState, omoe, type Phase, parametersOf } from 'omoe/optim';

/** A small Mixture-of-Experts layer that learns by the orthogonal expert optimizer; the same everywhere it runs. */

const tokens = 48;
const width = 12;
const hidden = 20;
const experts = 4;

export interface TrainingStep {
  readonly phase: Phase;
  readonly loss: number;
  /** By path, as plain numbers, so that it can be posted to another thread or to another process. */
  readonly updates: Readonly<Record<string, readonly number[]>>;
}

export interface Training {
  /** @param reading false: the updates stay on the device, and come back as an empty record */
  step(reading?: boolean): Promise<TrainingStep>;
}

/** What one step hands to the next; `moe` is the name under which the optimizer knows expert linears. */
interface Generation {
  readonly parameters: { readonly moe: MoEParameters };
  readonly state: OmoeState<AdamWState>;
}

/** A cycle is two accumulating steps and one orthogonal one: three steps have seen both phases. */
export function training(t: Engine, seed = 1): Training {
  const x = t.normal(key(seed), [tokens, width]);
  const target = t.normal(key(seed + 1), [tokens, width]);
  const start = begin(t, seed + 2);
  const optimizer = omoe(adamw(), { accumulateSteps: 2, orthogonalSteps: 1 });
  let current: Generation = {
    parameters: { moe: start },
    state: optimizer.initial(parametersOf({ moe: start })),
  };

  return {
    async step(reading = true) {
      using region = t.region();
      const { parameters, state } = region.borrow(current);
      const lossAndGradients = region.valueAuxAndGrad(layerLoss);
      const { value, aux, gradients } = lossAndGradients(parameters, x, target, optimizer.recording(state));
      const result = await optimizer.step({
        parameters: parametersOf(parameters),
        gradients: parametersOf(gradients),
        state,
        learningRate: 1e-2,
        records: aux,
      });
      const moved = (tensor: Tensor, path: string) => tensor.add(result.updates.get(`moe.${path}`)!);
      const { router, fc1, fc2 } = parameters.moe;
      const layer: MoEParameters = {
        router: { weight: moved(router.weight, 'router.weight') },
        fc1: { weight: moved(fc1.weight, 'fc1.weight'), bias: moved(fc1.bias, 'fc1.bias') },
        fc2: { weight: moved(fc2.weight, 'fc2.weight'), bias: moved(fc2.bias, 'fc2.bias') },
      };
      const updates: Record<string, number[]> = {};
      if (reading) for (const [path, update] of result.updates) updates[path] = Array.from(await update.data());
      const loss = await value.item();

      const kept = region.keep({ parameters: { moe: layer }, state: result.state });
      t.free(current, { except: kept });
      current = kept;
      return { phase: result.phase, loss, updates };
    },
  };
}

/** With noise: equal experts would give the router no gradient but rounding, which AdamW would scale up. */
function begin(t: Engine, seed: number): MoEParameters {
  using region = t.region();
  const dense = initFeedForward(region, key(seed), width, hidden);
  return region.keep(upcycle(dense, { experts, key: key(seed + 1), noise: 0.3 }));
}

/** mean (y − target)² + 0.01 · balance, and what the optimizer asked to record. */
function layerLoss(parameters: Generation['parameters'], x: Tensor, target: Tensor, recording: Recording | null) {
  const { output, gate, flow, plan } = moe(x, parameters.moe, { k: 2 });
  const loss = output.subtract(target).square().mean().add(topKBalance(gate).multiply(0.01));
  const recorded = recording ? recordStatistics(flow, plan, recording) : {};
  const records = new Map(Object.entries(recorded).map(([name, columns]) => [`moe.${name}`, columns]));
  return [loss, records] as const;
}
