/**
 * What a task is, whatever it was read from: examples as token ids, what its head says of them, and the metrics that are
 * reported. A trainer needs nothing else; it never sees words or files.
 */

/** What a model's head gives for an example; `Output` says how it is laid out. */
export type HeadKind = 'classify' | 'regress' | 'choose' | 'tag' | 'span';

/** Token positions [from, to). */
export interface TokenSpan {
  readonly from: number;
  readonly to: number;
}

export interface Sequence {
  /** Token ids without padding, as long as the text is; special tokens included. */
  readonly tokens: Int32Array;
  /** Which of two texts each token belongs to; absent: all 0. */
  readonly segments?: Uint8Array;
}

/** One labelled example. */
export interface Example extends Sequence {
  /** classify: index into the task's `classes`; regress: the value; choose: the right choice; tag and span: 0. */
  readonly label: number;
  /** classify with marked words (WiC, WSC): the mean state of each is joined to the pooled one. Every example of a task has equally many. */
  readonly spans?: readonly TokenSpan[];
  /** choose: equally many for every example of a task; `tokens` is then choices[0]'s. */
  readonly choices?: readonly Sequence[];
  /** tag: the class of each token; −1 is not scored (special tokens, later pieces of a word). */
  readonly tags?: Int32Array;
  /** span: where the answer stands; [0, 1), the first special token, where this window holds none. */
  readonly answer?: TokenSpan;
  /** The record it came from, where one record gives several examples (windows, candidates); absent: its own index. */
  readonly row?: number;
  /** The latent domain the sentence came from, where the task knows it. */
  readonly domain?: number;
}

/** What the head says of one example: classify [class], regress [1], choose [choice], tag [token · class], span [2 · token], starts then ends. */
export type Output = Float32Array;

/** Metrics by name; larger is better for all of them. */
export interface Scores {
  readonly [name: string]: number;
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
  /** How train and dev came about, where they are not the official files: `val.jsonl by passage, 20 % held out`. */
  readonly split?: string;
  readonly train: readonly Example[];
  readonly dev: readonly Example[];
  /** Of `classify` and `tag`; empty for the other heads. */
  readonly classes: readonly string[];
  /** Token ids lie in [0, vocabularySize). */
  readonly vocabularySize: number;
  readonly padToken: number;
  /** How many domains there are; null where the task does not know any. */
  readonly domains: number | null;
  /** Every batch has at most this many positions: longer sentences are cut, shorter ones padded. */
  readonly length: number;
  /** For `compare`, which classifies sentences. `score` has every metric of every head. */
  readonly metric: Metric;
  /** Absent: `classify`. */
  readonly head?: HeadKind;
  /** Marked words of an example. Absent: 0. */
  readonly spans?: number;
  /** Choices of an example; 0 unless the head is `choose`. Absent: 0. */
  readonly choices?: number;
  /** The official metrics; the first is the one that is reported. Absent: that of `metric`. */
  readonly metrics?: readonly string[];
  /**
   * The official metrics of the outputs for `dev`, one for each of its examples, in order. Absent: that of `metric`, of the
   * largest output of each.
   * @param split which part of the dev examples the outputs are of, where a task has several (MNLI's two)
   */
  score?(outputs: readonly Output[], split?: string): Scores;
}

/** Examples side by side. A row is an example, but for `choose`, where it is a choice: row example · choices + choice. */
export interface Batch {
  /** Token ids, row-major: [row · length]. */
  readonly tokens: Int32Array;
  /** 0 or 1: [row · length]; null where no example has segments. */
  readonly segments: Uint8Array | null;
  /** 1 = real token, 0 = padding: [row · length]. */
  readonly mask: Uint8Array;
  /** Classes and choices: [size]. All 0 for the other heads. */
  readonly labels: Int32Array;
  /** regress: the values, as they are: [size]; null for the other heads. */
  readonly values: Float64Array | null;
  /** Marked words: first and last+1 token of each, [size · spans · 2]; null where there are none. */
  readonly spans: Int32Array | null;
  /** tag: [size · length], −1 where nothing is scored, padding included; null for the other heads. */
  readonly tags: Int32Array | null;
  /** span: first and last token of the answer, [size · 2]; null for the other heads. */
  readonly answers: Int32Array | null;
  /** [size], or null where the examples have no domain. */
  readonly domains: Int32Array | null;
  /** Examples. */
  readonly size: number;
  /** Rows of one example: 1, or the number of choices. */
  readonly rows: number;
  /** What the loss is a mean over: examples, or scored tokens of `tag`. Micro-batches are weighed by it. */
  readonly scored: number;
  readonly length: number;
}
