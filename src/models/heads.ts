import { requireCounts, requireSpec } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { type LinearParameters, linear } from '../nn/linear.ts';
import { foldIn, type Key } from '../random.ts';
import type { HeadKind } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import type { Encoded } from './encode.ts';
import type { HeadSpec } from './folder.ts';

/** What is said of a task, from the states of an encoder: one linear map for each kind of head. */

export interface HeadSizes {
  readonly classes?: number;
  /** Marked words of an example. */
  readonly spans?: number;
}

/** How many numbers a head takes and gives. @throws UsageError for classify and tag without classes */
export function headSpec(kind: HeadKind, { classes = 0, spans = 0 }: HeadSizes = {}): HeadSpec {
  if (kind === 'classify' || kind === 'tag') requireCounts(`head ${kind}`, { classes });
  const outputs = { classify: classes, tag: classes, regress: 1, choose: 1, span: 2 }[kind];
  if (kind !== 'classify' && spans > 0)
    throw new UsageError({
      operation: `head ${kind}`,
      received: `${spans} marked words`,
      expected: 'none but for classify',
    });
  return { kind, outputs, spans };
}

/** Truncated normal of standard deviation 0.02, as BERT's own heads; bias 0. */
export function initHead(t: Engine, key: Key, { outputs, spans }: HeadSpec, width: number): LinearParameters {
  const input = width * (1 + spans);
  return {
    weight: t.truncatedNormal(foldIn(key, 'head'), [input, outputs], { sd: 0.02 }),
    bias: t.zeros([outputs]),
  };
}

export interface HeadInput {
  /** choose: rows of one example, which are its choices. Default 1. */
  readonly rows?: number;
  /** classify with marked words: int32 [example, span, 2], first token and the one behind the last. */
  readonly spans?: Tensor | null;
}

/**
 * Logits, example by example as the task's `Output` is laid out:
 *   classify [example, class], of the pooled state joined with the mean state of each marked word
 *   regress [example, 1];  choose [example, choice], from rows example · choices + choice
 *   tag [example, position, class];  span [example, 2, position], starts then ends
 * Padding has logits too, which a loss or a metric leaves out.
 * @throws UsageError for a model without a pooler where the head needs one, and for marked words that are missing or too many
 */
export function applyHead(
  head: LinearParameters,
  spec: HeadSpec,
  { hidden, pooled }: Pick<Encoded, 'hidden' | 'pooled'>,
  { rows = 1, spans = null }: HeadInput = {},
): Tensor {
  const [batch, length] = hidden.shape;
  switch (spec.kind) {
    case 'tag':
      return linear(hidden, head);
    case 'span':
      return linear(hidden, head).permuteDims([0, 2, 1]); // [example, position, 2] -> [example, 2, position]
    case 'choose':
      return linear(requirePooled(pooled, 'choose'), head).reshape([batch / rows, rows]);
    case 'regress':
      return linear(requirePooled(pooled, 'regress'), head);
    case 'classify': {
      const whole = requirePooled(pooled, 'classify');
      if (spec.spans === 0) return linear(whole, head);
      requireSpec(
        'head classify',
        'spans',
        spans,
        'int32',
        [batch, spec.spans, 2],
        '[example, span, first and last + 1]',
      );
      const words = meanOfSpans(hidden, spans!, length).reshape([batch, spec.spans * hidden.shape[2]]);
      return linear(hidden.engine.concat([whole, words], 1), head);
    }
  }
}

function requirePooled(pooled: Tensor | null, kind: HeadKind): Tensor {
  if (pooled) return pooled;
  throw new UsageError({
    operation: `head ${kind}`,
    received: 'a model without a pooler',
    expected: 'a pooled state',
    advice: 'Checkpoints of masked-language models often have none: withPooler adds a fresh one.',
  });
}

/** The mean state of each span; 0 for an empty one. [batch, position, width], int32 [batch, span, 2] -> [batch, span, width] */
function meanOfSpans(hidden: Tensor, spans: Tensor, length: number): Tensor {
  const place = hidden.engine.arange(length); // [position]
  const from = spans.slice([0, 1], 2); // [batch, span, 1]
  const to = spans.slice([1, 2], 2);
  const inside = place.greaterEqual(from).logicalAnd(place.less(to)).astype(hidden.dtype); // [batch, span, position]
  const count = inside.sum([2], { keepDims: true }).maximum(1);
  return inside.divide(count).matmul(hidden); // [span, position] · [position, width] -> [span, width]
}
