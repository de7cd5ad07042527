/**
 * A task that is read from files, in its two layers: records, which are what the files say, and examples, which are
 * what a model is given of them. Every task of GLUE and SuperGLUE is one `Dataset`; loading, checking and listing them
 * is the same for all.
 */
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Source } from './source.ts';
import type { Example, HeadKind, Output, Scores } from './types.ts';

/** One file of a task under the names it may have; the first that is there is loaded. */
export interface Part {
  /** `train`, `dev`, `test`, or one of several of them: `dev matched`. */
  readonly name: string;
  /** `other`: checked, and never loaded. */
  readonly split: 'train' | 'dev' | 'test' | 'other';
  readonly files: readonly string[];
  /** A few records of the split. They are loaded only where nothing better is there, see `splitRecords`. */
  readonly few?: readonly string[];
}

/** Whether a file's name is that of a whole official split, not of a part of it or of another layout. */
export const isOfficial = ({ split }: Part, file: string): boolean =>
  split === 'train'
    ? /^train(-.*\.parquet|\.\w+)$/.test(file)
    : /^((dev|test)(_(mis)?matched)?|val|diagnostic|AX-[bg])\.\w+$|\.parquet$/.test(file);

/** What `omoe data check` says of the records of a file. */
export interface Counts {
  /** Records by label, in the order of the classes; empty where the labels are hidden or are numbers. */
  readonly labels: Readonly<Record<string, number>>;
  /** Whatever else there is to count: passages, hidden labels, rows that were skipped. Zeros are left out. */
  readonly others: Readonly<Record<string, number>>;
}

/** The records of one file, and how many lines of it the layout allows to be left out. */
export interface Records<Row> {
  readonly rows: readonly Row[];
  readonly skipped: number;
}

/** Class of an example whose label is hidden: it can be predicted, not trained on. */
export const hiddenLabel = -1;

export interface Dataset<Row> {
  readonly name: string;
  /** As its authors write it: `SST-2`. */
  readonly title: string;
  readonly suite: 'GLUE' | 'SuperGLUE';
  readonly about: string;
  /** The licence of the data, as far as it is stated. */
  readonly licence: string;
  /** The layout of its files, in words. */
  readonly layout: string;
  readonly parts: readonly Part[];
  readonly head: HeadKind;
  /** Empty unless the head classifies. */
  readonly classes: readonly string[];
  /** The first is the one that is reported. */
  readonly metrics: readonly string[];
  /** Of a diagnostic set: the task whose models answer it. Nothing of it is trained on, and its labels may be hidden. */
  readonly diagnosticOf?: string;
  /** Whether an example is two texts. */
  readonly pairs: boolean;
  /** Marked words, and choices, of every example. */
  readonly spans: number;
  readonly choices: number;
  /**
   * What records must share to be kept on one side where a file has to be split (`passage`), and those texts of a
   * record; null for a task whose official files are always split already.
   */
  readonly unit: string | null;
  /** Training files that hold records of the dev file too: what shares a text with one of it is not trained on. */
  readonly overlapping?: readonly string[];
  texts(row: Row): readonly string[];
  /** Every text of a record that a model may read, choices and answers included, without marks or gaps of the layout. */
  sentences(row: Row): readonly string[];
  /** @throws DataError naming file and line of what is wrong; without labels only where they are `optional`. */
  records(source: Source, labels: 'required' | 'optional'): Records<Row>;
  counts(rows: readonly Row[]): Counts;
  /** Cut to `length` tokens where given. `Example.row` is the index of the record. */
  examples(rows: readonly Row[], tokenizer: Tokenizer, length?: number): Example[];
  /** The metrics of the outputs for `examples(rows)`, one each, in order. */
  score(rows: readonly Row[], examples: readonly Example[], outputs: readonly Output[]): Scores;
}
