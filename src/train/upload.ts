import type { Engine } from '../engine.ts';
import type { Batch } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';

/** A batch on the device. A row is an example, but for `choose`, where it is a choice: row example · choices + choice. */
export interface TaskTensors {
  /** int32 [row, position] */
  readonly tokens: Tensor;
  /** int32 [row, position], or null where no example has segments */
  readonly segments: Tensor | null;
  /** bool [row, position], false for padding */
  readonly mask: Tensor;
  /** int32 [example]; 0 for heads without classes or choices */
  readonly labels: Tensor;
  /** regress: [example] in the engine's dtype */
  readonly values: Tensor | null;
  /** int32 [example, span, 2]: each marked span's first token and the one behind its last */
  readonly spans: Tensor | null;
  /** tag: int32 [example, position], 0 where nothing is scored, and bool [example, position], true where something is */
  readonly tags: Tensor | null;
  readonly tagged: Tensor | null;
  /** span: int32 [example, 2], first and last token of the answer */
  readonly answers: Tensor | null;
  readonly size: number;
  /** Rows of one example. */
  readonly rows: number;
  readonly length: number;
}

export function uploadBatch(t: Engine, batch: Batch): TaskTensors {
  const { size, rows, length, tags, spans } = batch;
  const laid = [size * rows, length];
  return {
    tokens: t.tensor(batch.tokens, laid),
    segments: batch.segments && t.tensor(Int32Array.from(batch.segments), laid),
    mask: t.tensor(batch.mask, laid, 'bool'),
    labels: t.tensor(batch.labels, [size]),
    values: batch.values && t.tensor(batch.values, [size], t.dtype),
    spans: spans && t.tensor(spans, [size, spans.length / (2 * size), 2]),
    tags:
      tags &&
      t.tensor(
        tags.map((tag) => Math.max(0, tag)),
        [size, length],
      ),
    tagged:
      tags &&
      t.tensor(
        Uint8Array.from(tags, (tag) => Number(tag >= 0)),
        [size, length],
        'bool',
      ),
    answers: batch.answers && t.tensor(batch.answers, [size, 2]),
    size,
    rows,
    length,
  };
}
