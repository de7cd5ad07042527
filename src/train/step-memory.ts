import { type Engine, engine } from '../engine.ts';
import type { ModelConfig } from '../models/config.ts';
import { buildTree, type ModelParameters } from '../models/parameters.ts';
import { type AdamWState, adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { parametersOf } from '../optim/optimizer.ts';
import type { OmoeOptions } from '../optim/options.ts';
import { columnSize } from '../optim/statistics.ts';
import { key } from '../random.ts';
import { mapTree } from '../tree.ts';
import { type CountingBackend, countingBackend } from './counting-backend.ts';
import type { Objective } from './objective.ts';
import { blockUses, type Counted, largeAndMean, type Rehearsal } from './rehearsal.ts';
import { projectorShape, recordsOf, rehearsedOmoe } from './rehearsed-optimizer.ts';
import { type Generation, takeStep } from './step.ts';

/** Bytes that a training holds at its peak, by its most demanding method, and what they are. */
export interface StepMemory {
  readonly weights: number;
  /** The two moments of AdamW. */
  readonly moments: number;
  /** What OMoE keeps on the device from step to step: records, projectors, on the update side the experts' start. */
  readonly kept: number;
  /** What the forward pass keeps for the backward pass: of one micro-batch. */
  readonly forward: number;
  /** What comes on top of these before the step is over: gradients, the backward pass, updates, the next weights and moments. */
  readonly step: number;
  /** The sum of these five: what the backend has to hold. */
  readonly device: number;
  /** What the method needs outside of the backend, most of it in Float64: statistics and projectors, or the update side's vectors, where it goes by the host. */
  readonly projectors: number;
}

/**
 * What a training step holds. The step itself is taken by each method, on a backend that only counts (counting-backend.ts), at
 * the places of a cycle where most is held; what lives on the host is counted by formula.
 */
export async function stepMemory<D extends Counted, B>(rehearsal: Rehearsal<D, B>): Promise<StepMemory> {
  const { config, methods } = rehearsal;
  const orthogonal = methods.filter((method) => method !== null && method.orthogonalSteps > 0 && config.moe !== null);
  const different = new Map(orthogonal.map((method) => [JSON.stringify(method), method]));
  const all = [await memoryOf(rehearsal, null)];
  for (const method of different.values()) all.push(await memoryOf(rehearsal, method));
  const most = all.reduce((a, b) => (b.device > a.device ? b : a));
  return { ...most, projectors: Math.max(...all.map(({ projectors }) => projectors)) };
}

/** @param method null for the base optimizer alone */
async function memoryOf<D extends Counted, B>(
  { config, parts, accumulate, batch, batchOf, objective: objectiveOf }: Rehearsal<D, B>,
  method: OmoeOptions | null,
): Promise<StepMemory> {
  const backend = countingBackend();
  const t = engine(backend);
  const { largest } = largeAndMean({ batchOf }, batch);
  // Two micro-batches hold what any number of them does, but for the records of tokens, which are joined.
  const count = method?.statistic === 'tokens' ? accumulate : Math.min(2, accumulate);
  // ALBERT runs one block many times, and all of its passes record for the same experts.
  const { runs, blocks } = blockUses(config).moe;
  const tokens = largest.tokens.length * accumulate * Math.ceil(runs / Math.max(1, blocks));
  const optimizer = method ? rehearsedOmoe(method, tokens) : omoe(adamw(), { accumulateSteps: 1, orthogonalSteps: 0 });

  const parameters = buildTree(config, parts, (_, shape) => t.zeros(shape));
  const weights = backend.stats().bytes;
  let current: Generation<ModelParameters, AdamWState> = {
    parameters,
    state: optimizer.initial(parametersOf(parameters)),
  };
  const moments = 2 * weights;
  const { objective, most: forward } = watchForward(objectiveOf(config), backend);
  let [device, kept] = [0, 0];
  backend.takePeak();
  for (const { step, records } of method ? placesOf(method) : [{ step: 0, records: 0 }]) {
    current = { ...current, state: { ...padRecords(t, current.state, records), step } };
    kept = Math.max(kept, backend.stats().bytes - weights - moments);
    const { next } = await takeStep(t, current, {
      ...{ learningRate: 1e-3, clip: 1, name: 'rehearsal', step, key: key(0) },
      ...{ objective, optimizer, batches: Array.from({ length: count }, () => largest) },
    });
    device = Math.max(device, backend.takePeak());
    t.free(current, { except: next });
    current = next;
  }
  const step = device - weights - moments - kept - forward();
  const projectors = method ? hostBytes(config, method, tokens) : 0;
  return { ...{ weights, moments, kept, forward: forward(), step, device }, projectors };
}

/** Steps of a cycle, and the records that are to be there before: the first, the last that records, the first two orthogonal ones. */
function placesOf(method: OmoeOptions): { readonly step: number; readonly records: number }[] {
  const { accumulateSteps, updateEvery, side } = method;
  const records = side === 'update' ? 0 : recordsOf(method);
  return [
    ...(accumulateSteps > 0 ? [{ step: 0, records: 0 }] : []),
    ...(records > 1 ? [{ step: (records - 1) * updateEvery, records: records - 1 }] : []),
    { step: accumulateSteps, records },
    { step: accumulateSteps + 1, records: 0 },
  ];
}

/** Copies of the last record, until there are so many: each is as large as any other. */
function padRecords<S extends Generation<ModelParameters, AdamWState>['state']>(
  t: Engine,
  state: S,
  records: number,
): S {
  const padded = [...state.linears].map(([name, linear]) => {
    const missing = linear.pending.length === 0 ? 0 : records - linear.pending.length;
    const copies = Array.from({ length: Math.max(0, missing) }, () =>
      mapTree(linear.pending[0], ({ shape, dtype }) => t.zeros(shape, dtype)),
    );
    return [name, { ...linear, pending: [...linear.pending, ...copies] }] as const;
  });
  return { ...state, linears: new Map(padded) };
}

/** The objective, and the most bytes that its forward pass left. */
function watchForward<P, D, B>({ upload, loss }: Objective<P, D, B>, backend: CountingBackend) {
  let most = 0;
  const objective: Objective<P, D, B> = {
    upload,
    loss(...given) {
      const before = backend.stats().bytes;
      const result = loss(...given);
      most = Math.max(most, backend.stats().bytes - before);
      return result;
    },
  };
  return { objective, most: () => most };
}

/**
 * Of all protected linears, in Float64. Input and output side: of each expert its statistics, and what stands for its projector,
 * the columns of its sources or a square matrix. Update side, where it goes by the host: of each number of [W; b] the start,
 * what was learnt, its basis, the update and the projected one, all of which wait for the report.
 */
function hostBytes(config: ModelConfig, method: OmoeOptions, tokens: number): number {
  const { width: d, hidden: f, moe } = config;
  if (!moe) return 0;
  const shapes = { fc1: [d, f], fc2: [f, d] } as const;
  const layers: readonly ('fc1' | 'fc2')[] = method.layers === 'both' ? ['fc1', 'fc2'] : [method.layers];
  const numbers = layers.reduce((sum, layer) => {
    const [input, output] = shapes[layer];
    if (method.side === 'update') return sum + 5 * (input + 1) * output;
    const size = columnSize([moe.experts, input, output], method);
    const { columns, rank } = projectorShape(size, moe.experts, method, tokens);
    return sum + size * (columns + (rank ?? size));
  }, 0);
  return 8 * numbers * moe.experts * blockUses(config).moe.blocks;
}
