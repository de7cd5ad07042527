import { engine } from '../engine.ts';
import type { ModelConfig } from '../models/config.ts';
import { buildTree, type ModelParameters } from '../models/parameters.ts';
import { adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { parametersOf } from '../optim/optimizer.ts';
import type { OmoeOptions } from '../optim/options.ts';
import { key } from '../random.ts';
import { countingBackend } from './counting-backend.ts';
import type { Objective } from './objective.ts';
import { blockUses, type Counted, largeAndMean, type Rehearsal } from './rehearsal.ts';
import { takeStep } from './step.ts';

/** Bytes that a training holds at its peak, and what they are. */
export interface StepMemory {
  readonly weights: number;
  /** The two moments of AdamW. */
  readonly moments: number;
  /** What the forward pass keeps for the backward pass: of one micro-batch. */
  readonly forward: number;
  /** What comes on top of these before the step is over: gradients, the backward pass, updates, the next weights and moments. */
  readonly step: number;
  /** The sum of these four: what the backend has to hold. */
  readonly device: number;
  /** Statistics and projectors of the most demanding method, in Float64 outside of the backend. */
  readonly projectors: number;
}

/**
 * What a training step holds. The step itself is taken, on a backend that only counts (counting-backend.ts), once accumulating
 * and once orthogonal; the projectors, which live on the host, are counted by formula.
 */
export async function stepMemory<D extends Counted, B>(rehearsal: Rehearsal<D, B>): Promise<StepMemory> {
  const { config, parts, methods, accumulate } = rehearsal;
  const backend = countingBackend();
  const t = engine(backend);
  const parameters = buildTree(config, parts, (_, shape) => t.zeros(shape));
  const all = parametersOf(parameters);
  const weights = backend.stats().bytes;

  const orthogonal = methods.some((method) => method !== null && method.orthogonalSteps > 0) && config.moe !== null;
  const optimizer = omoe(adamw(), { accumulateSteps: 1, orthogonalSteps: orthogonal ? 1 : 0 });
  let current = { parameters, state: optimizer.initial(all) };
  const held = backend.stats().bytes;

  const { upload, loss } = rehearsal.objective(config);
  let forward = 0;
  const objective: Objective<ModelParameters, D, B> = {
    upload,
    loss(...given) {
      const before = backend.stats().bytes;
      const result = loss(...given);
      forward = Math.max(forward, backend.stats().bytes - before);
      return result;
    },
  };
  const batch = largeAndMean(rehearsal, rehearsal.batch).largest;
  backend.takePeak();
  let most = 0;
  for (let step = 0; step < (orthogonal ? 2 : 1); step++) {
    const plan = { learningRate: 1e-3, clip: 1, name: 'rehearsal', step, key: key(0) };
    const batches = Array.from({ length: Math.min(2, accumulate) }, () => batch);
    const { next } = await takeStep(t, current, { ...plan, objective, optimizer, batches });
    most = Math.max(most, backend.takePeak());
    t.free(current, { except: next });
    current = next;
  }
  const projectors = Math.max(0, ...methods.map((method) => projectorBytes(config, method, batch.tokens.length)));
  return {
    ...{ weights, moments: held - weights, forward, step: most - held - forward, device: most },
    projectors,
  };
}

/**
 * Of each expert linear and expert: its statistics, at most `sketch` columns of `rows` numbers, and what stands for its projector:
 * the columns of all the others, or a square matrix where that is less. Float64.
 */
function projectorBytes(config: ModelConfig, method: OmoeOptions | null, tokens: number): number {
  if (!method || !config.moe || method.orthogonalSteps === 0 || method.side === 'update') return 0;
  const { width: d, hidden: f } = config;
  const { experts } = config.moe;
  // fc1 takes the width to the hidden size, fc2 back; a bias is one row more on the input side.
  const rows = { input: { fc1: d + 1, fc2: f + 1 }, output: { fc1: f, fc2: d } }[method.side];
  const layers: readonly ('fc1' | 'fc2')[] = method.layers === 'both' ? ['fc1', 'fc2'] : [method.layers];
  const columns = (method.statistic === 'tokens' ? tokens : 1) * method.accumulateSteps;
  const kept = method.sketch > 0 ? Math.min(method.sketch, columns) : columns;
  const numbers = layers.reduce((sum, layer) => {
    const r = rows[layer];
    return sum + r * kept + Math.min(r * r, r * kept * (experts - 1));
  }, 0);
  return 8 * numbers * experts * blockUses(config).moe.blocks;
}
