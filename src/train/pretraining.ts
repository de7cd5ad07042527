import type { Engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { crc32c } from '../io/crc.ts';
import { initModel, type ModelConfig, type ModelParameters, nearAttention } from '../models/index.ts';
import { type AdamWState, adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { foldIn, key } from '../random.ts';
import { type Block, type Document, packBlocks, readCorpus } from '../text/corpus.ts';
import { bertSettings } from '../text/families.ts';
import type { ReadFile } from '../text/lines.ts';
import { buildTokenizer } from '../text/pipeline.ts';
import { type PieceTokenizer, readTokenizer } from '../text/tokenizer.ts';
import { readTokenizerFiles } from '../text/tokenizer-files.ts';
import { trainWordPieces, vocabularyText } from '../text/train-vocabulary.ts';
import { numberPieces } from '../text/wordpiece.ts';
import { decays } from './classifier-trainee.ts';
import {
  type MaskedBatch,
  type MaskedBatches,
  type MaskedTensors,
  maskedBatches,
  maskedEvaluation,
  maskedObjective,
  maskedPerplexity,
  unigramPerplexity,
} from './masked-language.ts';
import { type PretrainPlan, pretrainConfig, pretrainSchedule } from './pretrain-plan.ts';
import type { Training } from './training.ts';

/** From plain text to a small encoder: the text is cut and made tokens, and a BERT is trained to fill in what is hidden. */

export interface PretrainingText {
  readonly tokenizer: PieceTokenizer;
  /** The mask's id, which this tokenizer has. */
  readonly mask: number;
  /** What belongs to the tokenizer in the folder of a model, by file name. */
  readonly tokenizerFiles: ReadonlyMap<string, Uint8Array>;
  readonly train: readonly Block[];
  readonly held: readonly Block[];
  readonly documents: { readonly train: number; readonly held: number };
}

/**
 * Reads the texts, keeps every n-th document apart, and packs both parts into blocks. A tokenizer that is trained sees the
 * training part alone.
 * @throws DataError for a text or a tokenizer that cannot be read, a tokenizer without a mask, or too few documents
 */
export async function readPretrainingText(plan: PretrainPlan, read: ReadFile): Promise<PretrainingText> {
  const documents = await readCorpus(plan.text, read);
  const isHeld = (_: Document, i: number) => i % plan.heldOut === plan.heldOut - 1;
  const held = documents.filter(isHeld);
  const train = documents.filter((document, i) => !isHeld(document, i));
  if (held.length === 0 || train.length === 0)
    throw new DataError({
      operation: 'pretrain --text',
      received: `${documents.length} documents in ${plan.text.join(', ')}`,
      expected: `at least ${plan.heldOut}, as one in ${plan.heldOut} is kept for the perplexity`,
      advice: 'Paragraphs are documents: put empty lines between them, give more text, or lower --held-out.',
    });
  const { tokenizer, files } =
    plan.tokenizer === null
      ? trainTokenizer(train, plan.vocabSize)
      : { tokenizer: await readTokenizer(plan.tokenizer, read), files: await readTokenizerFiles(plan.tokenizer, read) };
  if (tokenizer.mask === null)
    throw new DataError({
      operation: 'pretrain --tokenizer',
      received: `${plan.tokenizer}, whose tokenizer has no mask`,
      expected: 'a token that hides another, such as [MASK]',
    });
  const pack = (part: readonly Document[]) => packBlocks(part, tokenizer, plan.length);
  return {
    ...{ tokenizer, mask: tokenizer.mask, tokenizerFiles: files },
    ...{ train: pack(train), held: pack(held) },
    documents: { train: train.length, held: held.length },
  };
}

function trainTokenizer(documents: readonly Document[], size: number) {
  const pieces = trainWordPieces(
    documents.flatMap(({ lines }) => lines),
    size,
  );
  const text = new TextEncoder();
  const files = new Map([
    ['vocab.txt', text.encode(vocabularyText(pieces))],
    ['tokenizer_config.json', text.encode('{ "do_lower_case": true, "tokenizer_class": "BertTokenizer" }\n')],
  ]);
  return { tokenizer: buildTokenizer(bertSettings(numberPieces(pieces, 'vocab.txt'))), files };
}

export interface Pretraining extends Training<ModelParameters, AdamWState, MaskedBatch, MaskedTensors> {
  readonly config: ModelConfig;
  /** The perplexity of frequencies alone on what is hidden in the held-out text. */
  readonly unigram: number;
}

/** The training of a plan on its text: dense, by AdamW. Upcycle the result to give it experts. */
export function pretraining(plan: PretrainPlan, text: PretrainingText): Pretraining {
  const { tokenizer, mask } = text;
  const config = pretrainConfig(plan, tokenizer.size, tokenizer.pad);
  const batches: MaskedBatches = {
    ...{ pad: tokenizer.pad, batch: plan.batch, length: plan.length, seed: plan.seed },
    ...{ mask, size: tokenizer.size, isSpecial: tokenizer.isSpecial, rate: plan.maskRate, wholeWords: plan.wholeWords },
  };
  const held = maskedEvaluation(text.held, { ...batches, batch: 2 * plan.batch });
  return {
    config,
    unigram: unigramPerplexity(text.train, held, batches),
    name: `pretraining, seed ${plan.seed}`,
    plan: {
      ...{ steps: plan.steps, seed: plan.seed, accumulate: plan.accumulate, clip: plan.clip },
      examples: plan.batch * plan.accumulate,
      schedule: pretrainSchedule(plan),
      ...{ evaluateEvery: plan.evaluateEvery, patience: plan.patience, saveEvery: plan.saveEvery },
    },
    record: recordOf(plan, text),
    objective: maskedObjective(config, { balanceLoss: 0, zLoss: 0 }, { dropout: plan.dropout }),
    optimizer: omoe(adamw({ weightDecay: plan.weightDecay, decays }), { accumulateSteps: 1, orthogonalSteps: 0 }),
    start(t: Engine) {
      const drawn = initModel(t, foldIn(key(plan.seed), 'model'), config, { pooler: false, mlm: true });
      return plan.randomStart ? drawn : nearAttention(t, drawn, config);
    },
    batchOf: maskedBatches(text.train, batches),
    evaluate: (t, parameters, signal) => maskedPerplexity(t, parameters, config, held, signal),
    metric: 'perplexity',
    better: 'smaller',
  };
}

/** What a resumed pretraining must have again: all that numbers depend on, the texts by their sums and not by where they lie. */
function recordOf(plan: PretrainPlan, { train, held, tokenizer }: PretrainingText): Readonly<Record<string, unknown>> {
  const { saveEvery, keep, text, tokenizer: folder, ...determining } = plan;
  const sum = [...train, ...held].reduce(
    (crc, { tokens }) => crc32c(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength), crc),
    0,
  );
  return { ...determining, blocks: { train: train.length, held: held.length, sum }, vocabulary: tokenizer.size };
}
