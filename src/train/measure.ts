import type { HostArray } from '../backend.ts';
import type { Engine } from '../engine.ts';
import { type Activation, everyExpert } from '../moe/experts.ts';
import {
  debiasedCka,
  type ExpertOutputs,
  linearCka,
  outputCosine,
  outputEffectiveRank,
  routingMeasures,
  specialisation,
  subspaceOverlap,
  weightCosine,
  weightDeltaCosine,
} from '../moe/measures/index.ts';
import { paddedLength } from '../tasks/buckets.ts';
import { collate } from '../tasks/collate.ts';
import type { Batch, Task } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import type { BlockModel, Learner } from './learner.ts';
import type { MethodRun } from './types.ts';

/** What a trained model is worth and how alike its experts are, on the dev examples. */

/** Real tokens on which all experts are run for the similarity measures. */
const similarityTokens = 512;

/** Real tokens after which no more batches are looked at. */
const routedTokens = 8192;

/** What has to be known of a batch on the device: which of its tokens are real, bool [row, position]. */
export interface Masked {
  readonly mask: Tensor;
}

/** Dev examples in their order, as many as the measures look at; each batch is as long as its longest example. */
export function measuredBatches({ dev, length, padToken, head }: Task, batch: number): readonly Batch[] {
  const enough: Batch[] = [];
  for (let [from, seen] = [0, 0]; from < dev.length && seen < routedTokens; from += 2 * batch) {
    const examples = dev.slice(from, from + 2 * batch);
    const one = collate(examples, paddedLength(examples, length), padToken, head);
    enough.push(one);
    seen += realTokens(one).length;
  }
  return enough;
}

type Measures = Pick<
  MethodRun,
  | 'outputCosine'
  | 'cka'
  | 'ckaDebiased'
  | 'overlap'
  | 'weightCosine'
  | 'weightDeltaCosine'
  | 'effectiveRank'
  | 'routing'
  | 'similarity'
>;

/** The weights of experts, as a model has them on its device, or as `expertsOnHost` has kept them. */
export interface HeldExperts {
  readonly blocks: readonly { readonly moe?: { readonly fc1: HeldLinear; readonly fc2: HeldLinear } }[];
}
interface HeldLinear {
  readonly weight: Held;
  readonly bias: Held;
}
interface Held {
  /** The first size is the number of experts. */
  readonly shape: readonly number[];
  data(): Promise<HostArray>;
}

/** What `measureExperts` has to know of a start that is about to leave the device: the experts alone. */
export async function expertsOnHost({ blocks }: HeldExperts): Promise<HeldExperts> {
  const held = async (tensor: Held): Promise<Held> => {
    const kept = await tensor.data();
    return { shape: tensor.shape, data: async () => kept };
  };
  const linear = async ({ weight, bias }: HeldLinear) => ({ weight: await held(weight), bias: await held(bias) });
  const block = async ({ moe }: HeldExperts['blocks'][number]) =>
    moe ? { moe: { fc1: await linear(moe.fc1), fc2: await linear(moe.fc2) } } : {};
  return { blocks: await Promise.all(blocks.map(block)) };
}

/**
 * Each measure is taken for every MoE layer and averaged over layers.
 * @param start the parameters right after the upcycle, or the experts of these
 * @param batches what passes through the layers, see {@link measuredBatches}
 */
export async function measureExperts<P extends BlockModel, B extends Masked>(
  t: Engine,
  learner: Pick<Learner<P, B>, 'upload' | 'layers' | 'activation'>,
  { parameters, start }: { readonly parameters: P; readonly start: HeldExperts },
  task: Pick<Task, 'head' | 'domains'>,
  batches: readonly Batch[],
): Promise<Measures> {
  const traffic = await gatherTraffic(t, learner, parameters, batches);
  const layers: Measures[] = [];
  for (const layer of traffic) {
    const outputs = await outputsOfAll(t, parameters, layer, learner.activation);
    const cosine = outputCosine(outputs);
    const weights = await expertVectors(parameters, layer.block);
    const { routing, chosen } = { routing: routingMeasures(layer), chosen: layer };
    layers.push({
      outputCosine: cosine.mean,
      cka: linearCka(outputs).mean,
      ckaDebiased: debiasedCka(outputs).mean,
      overlap: subspaceOverlap(outputs).mean,
      weightCosine: weightCosine(weights),
      weightDeltaCosine: weightDeltaCosine(weights, await expertVectors(start, layer.block)),
      effectiveRank: outputEffectiveRank(outputs).mean,
      routing: {
        entropy: routing.entropy,
        loadEntropy: routing.loadEntropy,
        loadCv: routing.loadCv,
        maxViolation: routing.maxViolation,
        deadExperts: routing.deadExperts,
        labelNmi: (task.head ?? 'classify') === 'classify' ? specialisation(chosen, layer.labels) : null,
        domainNmi: task.domains === null ? null : specialisation(chosen, layer.domains),
      },
      similarity: cosine.pairs,
    });
  }
  return averageOver(layers);
}

interface Traffic {
  readonly block: number;
  readonly tokens: number;
  readonly experts: number;
  readonly topK: number;
  readonly width: number;
  /** What the layer's experts saw, real tokens only: [token, width] */
  readonly inputs: Float64Array;
  readonly probabilities: Float64Array;
  readonly chosen: Int32Array;
  /** The label and the domain of the sentence each token stands in. */
  readonly labels: Int32Array;
  readonly domains: Int32Array;
}

/** What passes through each MoE layer, real tokens only. */
async function gatherTraffic<P extends BlockModel, B extends Masked>(
  t: Engine,
  learner: Pick<Learner<P, B>, 'upload' | 'layers'>,
  parameters: P,
  batches: readonly Batch[],
): Promise<Traffic[]> {
  const collected = new Map<number, Gathered>();
  for (const batch of batches) {
    using pass = t.region();
    for (const { block, input, gate } of learner.layers(parameters, learner.upload(pass, batch))) {
      const [experts, topK, width] = [gate.probabilities.shape[1], gate.chosen.shape[1], input.shape[1]];
      const into = collected.get(block) ?? {
        ...{ block, experts, topK, width, tokens: 0 },
        ...{ inputs: [], probabilities: [], chosen: [], labels: [], domains: [] },
      };
      collected.set(block, into);
      const [x, p, c] = await Promise.all([input.data(), gate.probabilities.data(), gate.chosen.data()]);
      for (const token of realTokens(batch)) {
        into.tokens++;
        if (into.tokens <= similarityTokens) into.inputs.push(...x.subarray(token * width, (token + 1) * width));
        into.probabilities.push(...p.subarray(token * experts, (token + 1) * experts));
        into.chosen.push(...c.subarray(token * topK, (token + 1) * topK));
        const example = Math.floor(token / (batch.length * batch.rows));
        into.labels.push(batch.labels[example]);
        if (batch.domains) into.domains.push(batch.domains[example]);
      }
    }
  }
  return [...collected.values()].map(({ inputs, probabilities, chosen, labels, domains, ...sizes }) => ({
    ...sizes,
    inputs: Float64Array.from(inputs),
    probabilities: Float64Array.from(probabilities),
    chosen: Int32Array.from(chosen),
    labels: Int32Array.from(labels),
    domains: Int32Array.from(domains),
  }));
}

interface Gathered extends Pick<Traffic, 'block' | 'experts' | 'topK' | 'width'> {
  tokens: number;
  readonly inputs: number[];
  readonly probabilities: number[];
  readonly chosen: number[];
  readonly labels: number[];
  readonly domains: number[];
}

const realTokens = (batch: Batch): number[] => [...batch.mask.keys()].filter((token) => batch.mask[token] === 1);

/** All experts on the same tokens. */
async function outputsOfAll<P extends BlockModel>(
  t: Engine,
  { blocks }: P,
  { block, inputs, width, experts }: Traffic,
  activation: Activation,
): Promise<ExpertOutputs> {
  const tokens = inputs.length / width;
  const moe = blocks[block].moe!;
  using pass = t.region();
  const x = pass.tensor(inputs, [tokens, width], moe.fc1.weight.dtype);
  const outputs = await everyExpert(x, moe, activation).data();
  return { experts, tokens, width, data: Float64Array.from(outputs) };
}

/** Weights and biases of each expert as one vector. */
async function expertVectors({ blocks }: HeldExperts, block: number): Promise<Float64Array[]> {
  const { fc1, fc2 } = blocks[block].moe!;
  const stacked = await Promise.all([fc1.weight, fc1.bias, fc2.weight, fc2.bias].map((tensor) => tensor.data()));
  const experts = fc1.weight.shape[0];
  return Array.from({ length: experts }, (_, i) => {
    const parts = stacked.map((data) => data.subarray((i * data.length) / experts, ((i + 1) * data.length) / experts));
    return Float64Array.from(parts.flatMap((part) => [...part]));
  });
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const meanOrNull = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : mean(known);
};

function averageOver(layers: readonly Measures[]): Measures {
  const over = (pick: (layer: Measures) => number) => mean(layers.map(pick));
  const routing = (name: Exclude<keyof MethodRun['routing'], 'labelNmi' | 'domainNmi'>) =>
    over((layer) => layer.routing[name]);
  return {
    outputCosine: over((layer) => layer.outputCosine),
    cka: over((layer) => layer.cka),
    ckaDebiased: meanOrNull(layers.map((layer) => layer.ckaDebiased)),
    overlap: over((layer) => layer.overlap),
    weightCosine: over((layer) => layer.weightCosine),
    weightDeltaCosine: meanOrNull(layers.map((layer) => layer.weightDeltaCosine)),
    effectiveRank: over((layer) => layer.effectiveRank),
    routing: {
      entropy: routing('entropy'),
      loadEntropy: routing('loadEntropy'),
      loadCv: routing('loadCv'),
      maxViolation: routing('maxViolation'),
      deadExperts: routing('deadExperts'),
      labelNmi: meanOrNull(layers.map((layer) => layer.routing.labelNmi)),
      domainNmi: meanOrNull(layers.map((layer) => layer.routing.domainNmi)),
    },
    similarity: (layers[0]?.similarity ?? []).map((row, i) =>
      row.map((_, j) => over((layer) => layer.similarity[i][j])),
    ),
  };
}
