/**
 * The tasks of GLUE (Wang et al. 2018), a row each: what the files hold and what is reported.
 *
 * CoLA Warstadt et al. 2019; SST-2 Socher et al. 2013; MRPC Dolan and Brockett 2005; QQP Quora 2017; STS-B Cer et al.
 * 2017; MNLI and AX Williams et al. 2018, Wang et al. 2018; QNLI from Rajpurkar et al. 2016; RTE Dagan et al. 2006 and
 * its successors; WNLI from Levesque et al. 2011.
 */
import type { Part } from '../dataset.ts';
import { hubFile } from '../parquet.ts';

export interface GlueTask {
  readonly title: string;
  readonly about: string;
  readonly licence: string;
  /** In the order of Hugging Face's numbers; empty where the label is a score. */
  readonly classes: readonly string[];
  /** What the TSV files write for each class. */
  readonly labels: readonly string[];
  /** The first is reported; a name with a hyphen is the mean of two. */
  readonly metrics: readonly GlueMetric[];
  /** Columns of the one or two texts and of the label, by the names in the first line. */
  readonly texts: readonly [string] | readonly [string, string];
  readonly label: string;
  /** The columns of train and dev files that have no first line with names; their test file has one. */
  readonly headerless?: readonly string[];
  /** The names in Hugging Face's Parquet files; the label is `label` there, −1 where it is hidden. */
  readonly hub: readonly [string] | readonly [string, string];
  /** The names in SuperGLUE's JSONL files, where the task is part of that too. */
  readonly jsonl?: readonly [string, string];
  readonly parts: readonly Part[];
  /** The task whose models answer it; absent: it is trained on itself. */
  readonly diagnosticOf?: string;
  /** The official training file has broken lines, which everybody leaves out: those with too few columns. */
  readonly shortLines?: 'skipped';
  /** Some of its texts are empty. */
  readonly emptyTexts?: 'allowed';
  /** Where its files may have to be split: which of its texts must stay on one side, and what they are. */
  readonly unit?: { readonly name: string; readonly texts: readonly (0 | 1)[] };
}

export type GlueMetric =
  | 'accuracy'
  | 'accuracy mismatched'
  | 'matthews'
  | 'f1'
  | 'accuracy-f1'
  | 'pearson'
  | 'spearman'
  | 'pearson-spearman';

const train: Part = { name: 'train', split: 'train', files: ['train.tsv', hubFile('train')] };
const dev: Part = { name: 'dev', split: 'dev', files: ['dev.tsv', hubFile('validation')] };
const test: Part = { name: 'test', split: 'test', files: ['test.tsv', hubFile('test')] };
const official: readonly Part[] = [train, dev, test];
/** A part of the official training rows in few columns: index, the texts, the label. */
const withSubset = (part: Part): Part => ({ ...part, files: [...part.files, 'train.sub9k.tsv'] });
const matchedParts = (split: 'dev' | 'test', hub: string): Part[] =>
  ['matched', 'mismatched'].map((name) => ({
    name: `${split} ${name}`,
    split,
    files: [`${split}_${name}.tsv`, hubFile(`${hub}_${name}`)],
  }));

const twoSentences = ['sentence1', 'sentence2'] as const;
const entailment = ['entailment', 'not_entailment'];

export const glueTable = {
  cola: {
    title: 'CoLA',
    about: 'is the sentence acceptable English?',
    licence: 'none stated; sentences of published linguistics texts, for research',
    classes: ['unacceptable', 'acceptable'],
    labels: ['0', '1'],
    metrics: ['matthews'],
    texts: ['sentence'],
    label: 'label',
    // The mark is the authors' own: * or nothing.
    headerless: ['source', 'label', 'mark', 'sentence'],
    hub: ['sentence'],
    parts: official,
  },
  sst2: {
    title: 'SST-2',
    about: 'is the phrase of a film review positive?',
    licence: 'none stated; Stanford Sentiment Treebank',
    classes: ['negative', 'positive'],
    labels: ['0', '1'],
    metrics: ['accuracy'],
    texts: ['sentence'],
    label: 'label',
    hub: ['sentence'],
    parts: official,
  },
  mrpc: {
    title: 'MRPC',
    about: 'do two sentences of the news say the same?',
    licence: 'Microsoft Research data licence, for research',
    classes: ['not_equivalent', 'equivalent'],
    labels: ['0', '1'],
    metrics: ['accuracy-f1', 'accuracy', 'f1'],
    texts: ['#1 String', '#2 String'],
    label: 'Quality',
    hub: twoSentences,
    // The corpus as it was published: the rows of train and dev together, so it is checked and never trained on.
    parts: [...official, { name: 'train and dev', split: 'other', files: ['msr_paraphrase_train.txt'] }],
  },
  qqp: {
    title: 'QQP',
    about: 'do two questions ask the same?',
    licence: "Quora's terms of service, not commercial",
    classes: ['not_duplicate', 'duplicate'],
    labels: ['0', '1'],
    metrics: ['accuracy-f1', 'accuracy', 'f1'],
    texts: ['question1', 'question2'],
    label: 'is_duplicate',
    hub: ['question1', 'question2'],
    parts: [withSubset(train), dev, test],
    shortLines: 'skipped',
    emptyTexts: 'allowed',
    // A question stands in several pairs, on either side.
    unit: { name: 'question', texts: [0, 1] },
  },
  stsb: {
    title: 'STS-B',
    about: 'how alike is what two sentences say, from 0 to 5?',
    licence: 'mixed, CC BY-SA and others: LICENSE.txt of the data',
    classes: [],
    labels: [],
    metrics: ['pearson-spearman', 'pearson', 'spearman'],
    texts: twoSentences,
    label: 'score',
    hub: twoSentences,
    parts: official,
  },
  mnli: {
    title: 'MNLI',
    about: 'does the first sentence entail the second, contradict it, or neither?',
    licence: 'by genre: OANC, CC BY, CC BY-SA, public domain',
    classes: ['entailment', 'neutral', 'contradiction'],
    labels: ['entailment', 'neutral', 'contradiction'],
    metrics: ['accuracy', 'accuracy mismatched'],
    texts: twoSentences,
    label: 'gold_label',
    hub: ['premise', 'hypothesis'],
    parts: [withSubset(train), ...matchedParts('dev', 'validation'), ...matchedParts('test', 'test')],
    emptyTexts: 'allowed',
    unit: { name: 'premise', texts: [0] },
  },
  qnli: {
    title: 'QNLI',
    about: 'does the sentence answer the question?',
    licence: 'CC BY-SA 4.0 (made of SQuAD)',
    classes: entailment,
    labels: entailment,
    metrics: ['accuracy'],
    texts: ['question', 'sentence'],
    label: 'label',
    hub: ['question', 'sentence'],
    parts: [withSubset(train), dev, test],
  },
  rte: {
    title: 'RTE',
    about: 'does the first text entail the second?',
    licence: 'none stated; PASCAL challenges',
    classes: entailment,
    labels: entailment,
    metrics: ['accuracy'],
    texts: twoSentences,
    label: 'label',
    hub: twoSentences,
    jsonl: ['premise', 'hypothesis'],
    parts: [
      { ...train, files: [...train.files, 'train.jsonl'], few: ['train32.jsonl'] },
      { ...dev, files: [...dev.files, 'val.jsonl'], few: ['dev32.jsonl'] },
      { ...test, files: [...test.files, 'test.jsonl'] },
    ],
  },
  wnli: {
    title: 'WNLI',
    about: 'does the second sentence say what the pronoun of the first means?',
    licence: 'CC BY 4.0',
    classes: ['not_entailment', 'entailment'],
    labels: ['0', '1'],
    metrics: ['accuracy'],
    texts: twoSentences,
    label: 'label',
    hub: twoSentences,
    parts: official,
  },
  ax: {
    title: 'AX',
    about: 'the diagnostic set: predicted by a model of MNLI, labels hidden',
    licence: 'for research',
    classes: ['entailment', 'neutral', 'contradiction'],
    labels: ['entailment', 'neutral', 'contradiction'],
    // Of three classes, so the correlation is the one of several (metrics.ts).
    metrics: ['matthews'],
    texts: twoSentences,
    label: 'label',
    hub: ['premise', 'hypothesis'],
    parts: [{ ...test, files: ['diagnostic.tsv', ...test.files] }],
    diagnosticOf: 'mnli',
  },
} satisfies Record<string, GlueTask>;

export type GlueName = keyof typeof glueTable;
export const glueNames = Object.keys(glueTable) as readonly GlueName[];
