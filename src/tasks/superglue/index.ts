/** SuperGLUE (Wang et al. 2019). RTE is GLUE's, which reads SuperGLUE's JSONL too. */
import type { Dataset } from '../dataset.ts';
import { copa } from './copa.ts';
import { multirc } from './multirc.ts';
import { pairDatasets } from './pairs.ts';
import { record } from './record.ts';
import { wic } from './wic.ts';
import { wsc } from './wsc.ts';

// A data set of some records is one of unknown records to whoever passes them on unread.
export const superglueDatasets: readonly Dataset<unknown>[] = [
  ...pairDatasets.slice(0, 2),
  copa,
  multirc,
  record,
  wic,
  wsc,
  ...pairDatasets.slice(2),
] as readonly Dataset<unknown>[];
