/**
 * What a task is, whatever it was read from: examples as token ids, classes, and the metric that is reported.
 * A trainer needs nothing else; it never sees words or files.
 */

/** One labelled sentence. */
export interface Example {
  /** Token ids without padding, as long as the sentence is; [CLS] (and [SEP], where the task has one) included. */
  readonly tokens: Int32Array;
  /** Index into the task's `classes`. */
  readonly label: number;
  /** The latent domain the sentence came from, where the task knows it. */
  readonly domain?: number;
}

export interface Metric {
  readonly name: 'accuracy' | 'matthews';
  /** Predicted class indices against the true ones, equally many; larger is better. */
  evaluate(predicted: ArrayLike<number>, labels: ArrayLike<number>): number;
}

export interface Task {
  readonly name: string;
  /** `embedded` for the generated language, else the folder that was read. */
  readonly source: 'embedded' | string;
  readonly train: readonly Example[];
  readonly dev: readonly Example[];
  readonly classes: readonly string[];
  /** Token ids lie in [0, vocabularySize). */
  readonly vocabularySize: number;
  readonly padToken: number;
  /** How many domains there are; null where the task does not know any. */
  readonly domains: number | null;
  /** Every batch has this many positions: longer sentences are cut, shorter ones padded. */
  readonly length: number;
  readonly metric: Metric;
}

/** Sentences side by side. Shapes depend on `size` and `length` only, never on the sentences. */
export interface Batch {
  /** Token ids, row-major: [size · length]. */
  readonly tokens: Int32Array;
  /** 1 = real token, 0 = padding: [size · length]. */
  readonly mask: Uint8Array;
  /** [size]. */
  readonly labels: Int32Array;
  /** [size], or null where the examples have no domain. */
  readonly domains: Int32Array | null;
  readonly size: number;
  readonly length: number;
}
