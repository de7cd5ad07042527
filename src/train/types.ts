import type { Method } from '../optim/methods.ts';
import type { Scores } from '../tasks/types.ts';

export type { Method };

export interface ModelShape {
  readonly width: number;
  readonly ffn: number;
  readonly layers: number;
  readonly heads: number;
  readonly experts: number;
  readonly topK: number;
  /** Positions; longer inputs are cut, shorter ones padded. */
  readonly length: number;
}

/** A checkpoint that a training starts from, in place of an encoder drawn afresh. */
export interface PretrainedPlan {
  /** A folder as Hugging Face's `transformers` keeps it. */
  readonly folder: string;
  /** Blocks that become Mixtures of Experts; null: all of them. */
  readonly moeLayers: readonly number[] | null;
  /** In training, of the embeddings and of what each residual adds. */
  readonly dropout: number;
  /** The folder's sizes and tokenizer, but weights drawn by the seed, all alike as BERT's (no `nearAttention`). */
  readonly fresh: boolean;
  /** Over the folder's config and weights (base-model.ts): which checkpoint it is. Absent where no weights are read. */
  readonly sum?: number;
}

/** Everything that determines a comparison's numbers; with a seed it determines them bit for bit on one backend. */
export interface ComparePlan {
  readonly task: string;
  /** Folder of a real task; absent for the embedded one. */
  readonly data?: string;
  /** BERT `vocab.txt`; needed by the real tasks. */
  readonly vocab?: string;
  /** Absent: the small encoder, drawn afresh. */
  readonly pretrained?: PretrainedPlan;
  readonly methods: readonly Method[];
  readonly seeds: readonly number[];
  /** Fine-tuning steps after the upcycle, the same for each method. */
  readonly steps: number;
  /** Steps of the dense model that all methods of a seed share. */
  readonly denseSteps: number;
  readonly batch: number;
  readonly model: ModelShape;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly warmup: number;
  readonly clip: number;
  readonly balanceLoss: number;
  readonly zLoss: number;
  readonly capacityFactor: number | null;
  /** At most so many training and dev examples (null = all); makes real-text runs fit a time. */
  readonly trainLimit: number | null;
  readonly devLimit: number | null;
  readonly backend: string;
}

/** What a worker says while it trains; goes to the progress bar and to metrics.jsonl. */
export interface StepEvent {
  readonly seed: number;
  /** `dense` while the shared dense model trains. */
  readonly method: string;
  readonly step: number;
  readonly steps: number;
  readonly phase: 'dense' | 'accumulate' | 'orthogonal';
  readonly loss: number;
  readonly taskLoss: number;
  readonly balanceLoss: number;
  readonly gradientNorm: number;
  readonly milliseconds: number;
  /** Present in orthogonal steps: averages over expert matrices. */
  readonly normKept?: number;
  readonly trace?: number;
  readonly leakage?: number;
  readonly renormFactor?: number;
}

/** What all methods of a seed start from, as plain arrays that cross process borders. */
export interface DenseModel {
  readonly seed: number;
  /** null where it was not trained: a fresh head says nothing. */
  readonly metric: number | null;
  /** null where it was not trained: each method begins it by itself, from the seed. */
  readonly parameters: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: Float32Array | Float64Array }>
  > | null;
}

/** The finished run of one method at one seed: the numbers that `compare` averages. */
export interface MethodRun {
  readonly method: string;
  readonly seed: number;
  /** The receipt: the largest |MoE − FFN| right after the exact upcycle, and what rounding explains (null: not exact, k = 1). */
  readonly upcycleError: number;
  readonly upcycleBound: number | null;
  readonly metric: number;
  /** Every official metric of the task, the one above among them. */
  readonly scores: Scores;
  /** The metric of one answer for all, the most frequent one in training; null where there is no such answer. */
  readonly constant: number | null;
  readonly outputCosine: number;
  readonly cka: number;
  readonly ckaDebiased: number | null;
  readonly overlap: number;
  readonly weightCosine: number;
  readonly weightDeltaCosine: number | null;
  readonly effectiveRank: number;
  readonly routing: {
    readonly entropy: number;
    readonly loadEntropy: number;
    readonly loadCv: number;
    readonly maxViolation: number;
    readonly deadExperts: number;
    /** Only where a sentence has one label. */
    readonly labelNmi: number | null;
    /** Only where the task knows its domains. */
    readonly domainNmi: number | null;
  };
  /** Means over orthogonal steps; null for methods without any. */
  readonly normKept: number | null;
  readonly trace: number | null;
  readonly leakage: number | null;
  /** Median over steps, the first five left out; orthogonal steps include measuring their leakage. */
  readonly msPerStep: { readonly accumulate: number | null; readonly orthogonal: number | null };
  /** Expert-by-expert output cosine on the dev tokens, averaged over MoE layers: [expert][expert]. */
  readonly similarity: readonly (readonly number[])[];
  readonly warnings: readonly string[];
}
