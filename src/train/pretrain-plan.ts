import { UsageError } from '../errors.ts';
import { freshConfig, type ModelConfig } from '../models/index.ts';
import type { Schedule } from '../optim/schedule.ts';
import { flagReader } from './flags.ts';
import { largestSeed } from './plan.ts';

/** What the command line of `pretrain` may carry, as text; whatever is absent takes its default. */
export interface PretrainFlags {
  readonly text?: readonly string[];
  readonly tokenizer?: string;
  readonly vocabSize?: string;
  readonly heldOut?: string;
  readonly maskRate?: string;
  readonly wholeWords?: boolean;
  readonly seed?: string;
  readonly steps?: string;
  readonly batch?: string;
  readonly accumulate?: string;
  readonly lr?: string;
  readonly weightDecay?: string;
  readonly warmup?: string;
  readonly clip?: string;
  readonly dropout?: string;
  readonly evalEvery?: string;
  readonly patience?: string;
  readonly saveEvery?: string;
  readonly keep?: string;
  readonly width?: string;
  readonly ffn?: string;
  readonly layers?: string;
  readonly heads?: string;
  readonly length?: string;
  readonly positions?: string;
  readonly initial?: string;
  readonly randomStart?: boolean;
  readonly pooling?: string;
  readonly backend?: string;
}

/** One pretraining. With its texts and its backend it determines every number, but for `saveEvery` and `keep`. */
export interface PretrainPlan {
  readonly text: readonly string[];
  /** The folder of a tokenizer; null: one is trained on the text. */
  readonly tokenizer: string | null;
  /** Pieces of a tokenizer that is trained. */
  readonly vocabSize: number;
  /** One document in so many is kept for the perplexity and never trained on. */
  readonly heldOut: number;
  readonly maskRate: number;
  readonly wholeWords: boolean;
  readonly seed: number;
  readonly steps: number;
  /** Blocks in a micro-batch. */
  readonly batch: number;
  readonly accumulate: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly warmup: number;
  readonly clip: number;
  readonly dropout: number;
  readonly evaluateEvery: number | null;
  readonly patience: number | null;
  readonly saveEvery: number;
  readonly keep: number;
  readonly width: number;
  readonly ffn: number;
  readonly layers: number;
  readonly heads: number;
  /** Tokens of a block. */
  readonly length: number;
  /** Of the model, at least `length`. */
  readonly positions: number;
  /** Standard deviation of fresh weights. */
  readonly initial: number;
  /** All weights drawn alike; else tokens attend to near ones from the start (`nearAttention`). */
  readonly randomStart: boolean;
  /** What heads on the model will be given, see `ModelConfig`. */
  readonly pooling: ModelConfig['pooling'];
  readonly backend: string;
}

/**
 * The whole plan from the command line, defaults filled in and everything checked.
 * @throws UsageError naming the option, what was written and what it takes
 */
export function pretrainPlan(flags: PretrainFlags): PretrainPlan {
  const { integer, decimal, modelShape } = flagReader('pretrain');
  if (!flags.text || flags.text.length === 0)
    throw new UsageError({
      operation: 'pretrain',
      received: 'no --text',
      expected: 'one file of plain text, or several',
      advice: 'For example: omoe pretrain --text wiki.txt novels.txt --out small-bert',
    });
  if (flags.tokenizer !== undefined && flags.vocabSize !== undefined)
    throw new UsageError({
      operation: 'pretrain --vocab-size',
      received: 'a --tokenizer as well',
      expected: 'one of them',
      advice: 'A tokenizer that is given has its vocabulary already.',
    });
  if (flags.patience !== undefined && flags.evalEvery === undefined)
    throw new UsageError({
      operation: 'pretrain --patience',
      received: 'no --eval-every',
      expected: 'how often to evaluate',
      advice: 'Patience counts evaluations.',
    });
  const share = (option: string, text: string | undefined, fallback: number) => {
    const value = decimal(option, text, fallback);
    if (value < 1) return value;
    throw new UsageError({ operation: `pretrain ${option}`, received: `"${text}"`, expected: 'a number below 1' });
  };
  const optional = (option: string, text: string | undefined) =>
    text === undefined ? null : integer(option, text, 1, 1);
  const steps = integer('--steps', flags.steps, 2000, 1);
  const shape = modelShape(flags, { width: 128, ffn: 512, layers: 2, heads: 4, experts: 1, topK: 1, length: 32 });
  const length = integer('--length', flags.length, 32, 3);
  const maskRate = share('--mask-rate', flags.maskRate, 0.15);
  if (maskRate === 0)
    throw new UsageError({ operation: 'pretrain --mask-rate', received: `"${flags.maskRate}"`, expected: 'above 0' });
  return {
    text: flags.text,
    tokenizer: flags.tokenizer ?? null,
    vocabSize: integer('--vocab-size', flags.vocabSize, 8000, 32),
    heldOut: integer('--held-out', flags.heldOut, 20, 2),
    maskRate,
    wholeWords: flags.wholeWords ?? false,
    seed: integer('--seed', flags.seed, 0, 0, largestSeed),
    steps,
    batch: integer('--batch', flags.batch, 32, 1),
    accumulate: integer('--accumulate', flags.accumulate, 1, 1),
    learningRate: decimal('--lr', flags.lr, 1e-3, 'above 0'),
    weightDecay: decimal('--weight-decay', flags.weightDecay, 0.01),
    warmup: integer('--warmup', flags.warmup, Math.min(steps, 100), 0, steps),
    clip: decimal('--clip', flags.clip, 1, 'above 0'),
    dropout: share('--dropout', flags.dropout, 0),
    evaluateEvery: optional('--eval-every', flags.evalEvery),
    patience: optional('--patience', flags.patience),
    saveEvery: integer('--save-every', flags.saveEvery, 200, 1),
    keep: integer('--keep', flags.keep, 2, 1),
    width: shape.width,
    ffn: shape.ffn,
    layers: shape.layers,
    heads: shape.heads,
    length,
    positions: integer('--positions', flags.positions, Math.max(length, 128), length),
    initial: decimal('--initial', flags.initial, 0.06, 'above 0'),
    randomStart: flags.randomStart ?? false,
    pooling: poolingOf(flags.pooling ?? 'mean'),
    backend: flags.backend ?? 'auto',
  };
}

function poolingOf(text: string): ModelConfig['pooling'] {
  if (text === 'first' || text === 'mean') return text;
  throw new UsageError({ operation: 'pretrain --pooling', received: `"${text}"`, expected: 'first, mean' });
}

export const pretrainSchedule = ({ learningRate, warmup, steps }: PretrainPlan): Schedule => ({
  ...{ peak: learningRate, warmup, total: steps, decay: 'linear' as const },
});

/** A small BERT over a vocabulary, with the segments and positions that its blocks need. */
export const pretrainConfig = (plan: PretrainPlan, vocabulary: number, pad: number): ModelConfig => {
  const { positions, width, ffn: hidden, heads, layers, initial, pooling } = plan;
  return { ...freshConfig('bert', { vocabulary, pad, positions, width, hidden, heads, layers }), initial, pooling };
};
