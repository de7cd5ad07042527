import type { Engine } from '../engine.ts';
import { everyExpert } from '../moe/experts.ts';
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
import { type EncoderParameters, encoder } from '../nn/encoder.ts';
import { evaluationBatches } from '../tasks/batches.ts';
import type { Batch, Task } from '../tasks/types.ts';
import { leaves } from '../tree.ts';
import { encoderOptions, upload } from './classifier.ts';
import type { ComparePlan, MethodRun } from './types.ts';

/** What a trained model is worth and how alike its experts are, on the dev examples. */

/** Real tokens on which all experts are run for the similarity measures. */
const similarityTokens = 512;

/** Evaluation is dropless: under a capacity a sentence's answer would depend on the batch it happens to stand in. */
const evaluationOptions = (plan: ComparePlan) => ({ ...encoderOptions(plan), capacityFactor: null });

/** The task's metric over all dev examples. */
export async function evaluate(
  t: Engine,
  parameters: EncoderParameters,
  task: Task,
  plan: ComparePlan,
): Promise<number> {
  const predicted: number[] = [];
  const labels: number[] = [];
  for (const batch of evaluationBatches(task.dev, 2 * plan.batch, task.length, task.padToken)) {
    using pass = t.region();
    const { logits } = encoder(parameters, upload(pass, batch), evaluationOptions(plan));
    predicted.push(...(await logits.argmax(1).data()));
    labels.push(...batch.labels);
  }
  return task.metric.evaluate(predicted, labels);
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

/** Each measure is taken for every MoE layer and averaged over layers. `start`: the parameters right after the upcycle. */
export async function measureExperts(
  t: Engine,
  parameters: EncoderParameters,
  start: EncoderParameters,
  task: Task,
  plan: ComparePlan,
): Promise<Measures> {
  const traffic = await gatherTraffic(t, parameters, task, plan);
  const layers: Measures[] = [];
  for (const layer of traffic) {
    const outputs = await outputsOfAll(t, parameters, layer);
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
        labelNmi: specialisation(chosen, layer.labels),
        domainNmi: layer.domains ? specialisation(chosen, layer.domains) : null,
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
  readonly domains: Int32Array | null;
}

/** What passes through each MoE layer on the dev examples, real tokens only. */
async function gatherTraffic(
  t: Engine,
  parameters: EncoderParameters,
  task: Task,
  plan: ComparePlan,
): Promise<Traffic[]> {
  const batches = evaluationBatches(task.dev, 2 * plan.batch, task.length, task.padToken);
  const collected = new Map<
    number,
    { inputs: number[]; probabilities: number[]; chosen: number[]; labels: number[]; domains: number[]; tokens: number }
  >();
  const { experts, topK, width } = plan.model;
  for (const batch of batches) {
    using pass = t.region();
    const { layers } = encoder(parameters, upload(pass, batch), evaluationOptions(plan));
    for (const { block, input, gate } of layers) {
      const into = collected.get(block) ?? {
        inputs: [],
        probabilities: [],
        chosen: [],
        labels: [],
        domains: [],
        tokens: 0,
      };
      collected.set(block, into);
      const [x, p, c] = await Promise.all([input.data(), gate.probabilities.data(), gate.chosen.data()]);
      for (const token of realTokens(batch)) {
        into.tokens++;
        if (into.tokens <= similarityTokens) into.inputs.push(...x.subarray(token * width, (token + 1) * width));
        into.probabilities.push(...p.subarray(token * experts, (token + 1) * experts));
        into.chosen.push(...c.subarray(token * topK, (token + 1) * topK));
        const sentence = Math.floor(token / batch.length);
        into.labels.push(batch.labels[sentence]);
        if (batch.domains) into.domains.push(batch.domains[sentence]);
      }
    }
  }
  return [...collected].map(([block, { inputs, probabilities, chosen, labels, domains, tokens }]) => ({
    block,
    tokens,
    experts,
    topK,
    width,
    inputs: Float64Array.from(inputs),
    probabilities: Float64Array.from(probabilities),
    chosen: Int32Array.from(chosen),
    labels: Int32Array.from(labels),
    domains: task.domains === null ? null : Int32Array.from(domains),
  }));
}

const realTokens = (batch: Batch): number[] => [...batch.mask.keys()].filter((token) => batch.mask[token] === 1);

/** All experts on the same tokens. */
async function outputsOfAll(
  t: Engine,
  parameters: EncoderParameters,
  { block, inputs, width, experts }: Traffic,
): Promise<ExpertOutputs> {
  const tokens = inputs.length / width;
  using pass = t.region();
  const x = pass.tensor(inputs, [tokens, width], parameters.tokens.dtype);
  const outputs = await everyExpert(x, parameters.blocks[block].moe!, 'gelu').data();
  return { experts, tokens, width, data: Float64Array.from(outputs) };
}

/** Weights and biases of each expert as one vector. */
async function expertVectors(parameters: EncoderParameters, block: number): Promise<Float64Array[]> {
  const { fc1, fc2 } = parameters.blocks[block].moe!;
  const stacked = await Promise.all(leaves({ fc1, fc2 }).map(({ tensor }) => tensor.data()));
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
  const routing = (name: Exclude<keyof MethodRun['routing'], 'domainNmi'>) => over((layer) => layer.routing[name]);
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
      labelNmi: routing('labelNmi'),
      domainNmi: meanOrNull(layers.map((layer) => layer.routing.domainNmi)),
    },
    similarity: (layers[0]?.similarity ?? []).map((row, i) =>
      row.map((_, j) => over((layer) => layer.similarity[i][j])),
    ),
  };
}
