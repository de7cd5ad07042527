import { glueSources } from './data-sources-glue.ts';
import { nerSources } from './data-sources-ner.ts';
import { squadSources } from './data-sources-squad.ts';
import { superglueSources } from './data-sources-superglue.ts';
import type { Member } from './unpack.ts';

/**
 * Where `omoe data get` fetches from, each file with its size and SHA-256. GLUE, SuperGLUE and SQuAD come from the
 * addresses that their authors publish: a version stands in the address where they number them, and the checksum holds
 * the file to one content everywhere. The others come from repositories on GitHub, at one commit.
 *
 * The checksums are published by Hugging Face (huggingface/datasets at 040102f1, datasets/T/dataset_infos.json,
 * `download_checksums`), and those of GLUE also by TensorFlow Datasets (tensorflow/datasets at 333639b3,
 * tensorflow_datasets/url_checksums/glue.txt), where QQP alone is an older archive. wikigold's is our own: nobody
 * publishes one.
 */

export interface SourceFile {
  /** What it is called in the folder of the task. */
  readonly name: string;
  readonly address: string;
  readonly size: number;
  readonly sha256: string;
  /** Of a zip archive: the files of the task in it. The archive itself stays beside them. */
  readonly members?: readonly Member[];
}

/** How the official script makes a file of others (GLUE's download_glue_data.py, `format_mrpc`). */
export type Recipe = 'the listed pairs' | 'without the listed pairs' | 'numbered, without labels';

/** A file that is made of fetched ones. */
export interface MadeFile {
  readonly name: string;
  readonly from: readonly string[];
  readonly by: Recipe;
  readonly size: number;
  readonly sha256: string;
}

export interface TaskFiles {
  readonly files: readonly SourceFile[];
  readonly made?: readonly MadeFile[];
}

/** The address of a file's bytes, on another server with the same paths where one is given. */
export const addressOf = ({ address }: SourceFile, host?: string): string =>
  host === undefined ? address : host + new URL(address).pathname;

/** What cannot be fetched by anybody, and how to come by it. */
export const elsewhere: Readonly<Record<string, string>> = {
  conll2003:
    'The annotations are at https://www.clips.uantwerpen.be/conll2003/ner/; the texts are given out by NIST, by agreement: https://trec.nist.gov/data/reuters/reuters.html.',
};

export const sourceTable: Readonly<Record<string, TaskFiles>> = {
  ...glueSources,
  ...superglueSources,
  ...squadSources,
  ...nerSources,
};
