/** The tables of the paper: their tasks, where these lie in a suite's folder, and how each is trained unless told otherwise. */

export interface TablePreset {
  readonly task: string;
  /** In the folder of the suite; '' where the files stand in it. */
  readonly folder: string;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Positions; longer texts are cut. */
  readonly length: number;
  readonly trainLimit: number | null;
  readonly devLimit: number | null;
  /** OMoE's phases, in steps. */
  readonly cycle: { readonly accumulateSteps: number; readonly orthogonalSteps: number };
}

const usual = {
  ...{ steps: 150, batch: 32, learningRate: 1e-3, length: 64, trainLimit: null, devLimit: 1000 },
  cycle: { accumulateSteps: 25, orthogonalSteps: 25 },
} satisfies Omit<TablePreset, 'task' | 'folder'>;

/** Passages, and sentences whose marked words must not be cut off. */
const long = { ...usual, length: 128 };

export const tablePresets = {
  glue: [
    { ...usual, task: 'cola', folder: 'CoLA' },
    { ...usual, task: 'sst2', folder: 'SST-2' },
    { ...usual, task: 'mrpc', folder: 'MRPC' },
    { ...usual, task: 'stsb', folder: 'STS-B' },
    { ...long, task: 'rte', folder: 'RTE' },
    { ...long, task: 'qnli', folder: 'QNLI' },
    { ...usual, task: 'mnli', folder: 'MNLI' },
  ],
  superglue: [
    { ...long, task: 'boolq', folder: 'BoolQ' },
    { ...usual, task: 'cb', folder: 'CB' },
    { ...long, task: 'copa', folder: 'COPA' },
    { ...usual, task: 'wic', folder: 'WiC' },
    { ...long, task: 'wsc', folder: 'WSC' },
  ],
  qa: [{ ...long, task: 'squad1', folder: '' }],
  ner: [
    { ...usual, task: 'wnut17', folder: 'wnut17' },
    { ...usual, task: 'wikigold', folder: 'wikigold' },
  ],
} satisfies Readonly<Record<string, readonly TablePreset[]>>;

export type SuiteName = keyof typeof tablePresets;
export const suiteNames = Object.keys(tablePresets) as readonly SuiteName[];
