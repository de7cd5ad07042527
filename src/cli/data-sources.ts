import { glueSources } from './data-sources-glue.ts';
import { nerSources } from './data-sources-ner.ts';
import { superglueSources } from './data-sources-superglue.ts';

/**
 * Where `omoe data get` fetches from: files of public repositories at one commit, with their sizes and SHA-256, equal to
 * the official files. What is not here (the large training sets of MNLI, QQP, QNLI, BoolQ, MultiRC and ReCoRD) is to be
 * fetched from the sites that `siteOf` names.
 */

export interface SourceFile {
  /** What it is called in the folder of the task. */
  readonly name: string;
  /** Its path in the repository. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface Repository {
  /** owner/name on GitHub. */
  readonly repository: string;
  readonly commit: string;
  readonly files: readonly SourceFile[];
}

/** A file that is made of fetched ones, as the official script makes it. */
export interface MadeFile {
  readonly name: string;
  readonly from: readonly [string, string];
  readonly by: 'joining' | 'leaving out the listed pairs';
  readonly size: number;
  readonly sha256: string;
}

export interface TaskFiles {
  readonly sources: readonly Repository[];
  readonly made?: MadeFile;
}

/** The address of a file's bytes. */
export const addressOf = ({ repository, commit }: Repository, { path }: SourceFile, host = githubFiles): string =>
  `${host}/${repository}/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;

export const githubFiles = 'https://raw.githubusercontent.com';

/** Where the official files are that are not in the table. */
export const siteOf = (suite: string): string =>
  ({
    GLUE: "gluebenchmark.com, under Tasks, or Hugging Face's data set nyu-mll/glue, whose Parquet files are read as they are",
    SuperGLUE:
      "super.gluebenchmark.com, under Tasks, or Hugging Face's data set aps/super_glue, whose Parquet files are read as they are",
  })[suite] ?? 'the site of its authors';

export const sourceTable: Readonly<Record<string, TaskFiles>> = { ...glueSources, ...superglueSources, ...nerSources };
