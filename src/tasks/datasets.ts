import type { Dataset } from './dataset.ts';
import { glueDatasets } from './glue/index.ts';
import { superglueDatasets } from './superglue/index.ts';

/** Every task of GLUE and SuperGLUE, in the order in which they are listed. */
// A data set of some records is one of unknown records to whoever passes them on unread.
export const datasets: readonly Dataset<unknown>[] = [
  ...(glueDatasets as readonly Dataset<unknown>[]),
  ...superglueDatasets,
];

export const findDataset = (name: string): Dataset<unknown> | undefined =>
  datasets.find((dataset) => dataset.name === name);
