import type { ReadFile } from '../text/lines.ts';

/** What `omoe data check` counts in one file. */
export interface CheckedFile {
  readonly name: string;
  /** What the file is for: `train`, `dev matched`. Absent: its name says it. */
  readonly split?: string;
  readonly rows: number;
  /** Rows, entities or answers by kind, and whatever else there is to count. */
  readonly labels?: Readonly<Record<string, number>>;
}

/** A task that is read from files, as `omoe data list` and `omoe data check` see it. */
export interface TaskSource {
  readonly name: string;
  readonly title: string;
  /** What is asked, in a line. */
  readonly about?: string;
  /** The files and what stands in them, in words. */
  readonly layout: string;
  /** The metric that is reported. */
  readonly metric: string;
  /** The licence of the data, as far as it is stated. */
  readonly licence: string;
  /**
   * Every text of the records that are trained on, in their order, as often as it stands there; of a file that has to be
   * split the training part alone.
   *
   * @throws DataError as loading the task does; UsageError for a task that has no training records
   */
  sentences(folder: string, read: ReadFile): Promise<readonly string[]>;
  /**
   * Every text of the records that are measured on: of the dev part that a training has, which may be held out of a file, and
   * of the official test part where its files are there. Of a diagnostic set those of all its files.
   *
   * @throws DataError as loading the task does, and for a folder without any file of it
   */
  measured(folder: string, read: ReadFile): Promise<readonly string[]>;
  /** Reads every record. @throws DataError naming the first that is wrong, or the file that is missing */
  check(folder: string, read: ReadFile): Promise<{ readonly files: readonly CheckedFile[] }>;
}
