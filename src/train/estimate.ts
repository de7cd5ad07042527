import type { ComparePlan, ModelShape } from './types.ts';

/** What `--dry-run` tells of a model's size; counts of numbers, not bytes. */
export interface ParameterCount {
  /** The dense model that all methods of a seed share. */
  readonly dense: number;
  /** The same after each FFN has become `experts` experts and a router. */
  readonly moe: number;
  /** Parameters that one token passes through: `topK` of the experts. */
  readonly active: number;
}

/**
 * Parameters of the encoder, by the formula of its parts (d = width, f = ffn, E = experts, V = vocabulary, C = classes):
 *
 *   embedding V·d + positions L·d
 *   + layers · (2 layer norms 4d + attention 4(d² + d) + FFN or MoE)
 *   + final norm 2d + classifier d·C + C
 *
 * with FFN = d·f + f + f·d + d and MoE = d·E (router, no bias) + E · FFN.
 *
 * @param vocabulary size of the vocabulary
 * @param classes number of labels
 */
export function countParameters(model: ModelShape, vocabulary: number, classes: number): ParameterCount {
  const { width: d, ffn: f, layers, experts, topK, length } = model;
  const ffn = d * f + f + f * d + d;
  const shared = vocabulary * d + length * d + layers * (4 * d + 4 * (d * d + d)) + 2 * d + d * classes + classes;
  return {
    dense: shared + layers * ffn,
    moe: shared + layers * (d * experts + experts * ffn),
    active: shared + layers * (d * experts + topK * ffn),
  };
}

/** Bytes that one worker process needs at its peak, in parts. An estimate: the garbage collector decides the rest. */
export interface MemoryEstimate {
  /** Weights, gradients and the two moments of AdamW, in Float32. */
  readonly training: number;
  /** What the forward pass keeps for the backward pass, of one batch. */
  readonly activations: number;
  /** Statistics and projectors of the most demanding method, in Float64. */
  readonly projectors: number;
  readonly total: number;
}

/** @param parameters the MoE's count from {@link countParameters} */
export function estimateMemory(plan: ComparePlan, parameters: number): MemoryEstimate {
  const { width: d, ffn: f, layers, heads, experts, topK, length } = plan.model;
  const tokens = plan.batch * length;
  // Per token and layer: ten vectors of the width (norms, q, k, v, mixed heads, residuals), scores and weights of each head,
  // and per kept expert two of the FFN and three of the width. The backward pass holds about as much again.
  const perToken = 10 * d + 2 * heads * length + topK * (2 * f + 3 * d) + 3 * experts;
  const activations = 4 * 2 * tokens * layers * perToken;
  const projectors = Math.max(
    0,
    ...plan.methods.map(({ omoe }) => {
      if (omoe === null) return 0;
      // Rows of fc1's and fc2's statistics, bias row included; per expert its columns and at most one square projector.
      const rows = omoe.side === 'input' ? [d + 1, f + 1] : [f, d];
      const columns = omoe.statistic === 'tokens' ? tokens * omoe.accumulateSteps : omoe.accumulateSteps;
      const kept = omoe.sketch > 0 ? Math.min(omoe.sketch, columns) : columns;
      return 8 * layers * experts * rows.reduce((sum, r) => sum + r * (kept + r), 0);
    }),
  );
  const training = 4 * 4 * parameters;
  return { training, activations, projectors, total: training + activations + projectors };
}

/** Floating-point operations of the whole comparison: 6 for each active weight and token (2 forward, 4 backward). */
export function estimateOperations(plan: ComparePlan, vocabulary: number, classes: number): number {
  const { width: d, length, layers } = plan.model;
  const { dense, active } = countParameters(plan.model, vocabulary, classes);
  const tokens = plan.batch * length;
  // The embedding is looked up, not multiplied; attention multiplies length × length scores on top of its weights.
  const perToken = (weights: number) => 6 * (weights - (vocabulary + length) * d + 2 * layers * length * d);
  const denseRun = plan.denseSteps * tokens * perToken(dense);
  const methodRun = plan.steps * tokens * perToken(active);
  return plan.seeds.length * (denseRun + plan.methods.length * methodRun);
}

/**
 * What a process does on an ordinary core, operations a second, overheads included: a guess to a factor of three. Measured with
 * one process a core: in WebAssembly 20 to 30 ms for a dense step of the demonstration (110 million operations) and for one of
 * its MoE (150 million), which is mostly the cost of many small operations: wider models come far above it. The readable CPU
 * backend took six times as long. For a graphics card nothing is known here, and the lower figure is taken.
 */
const operationsPerSecond = { wasm: 5e9, other: 7e8 };

/** Seconds for the whole comparison with `threads` processes; to within a factor of three. */
export function estimateSeconds(plan: ComparePlan, vocabulary: number, classes: number, threads: number): number {
  const speed = /^(auto|wasm)/.test(plan.backend) ? operationsPerSecond.wasm : operationsPerSecond.other;
  return estimateOperations(plan, vocabulary, classes) / speed / Math.max(1, threads);
}
