/** The tables of the paper: their tasks, where these lie in a suite's folder, and how each is trained unless told otherwise. */

export interface TablePreset {
  readonly task: string;
  /** In the folder of the suite; '' where the files stand in it. */
  readonly folder: string;
  /** Of the dense model that the methods of a seed start from, then of each method. */
  readonly denseSteps: number;
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

/** A cycle is 40 steps long, so that each task sees at least one. */
const usual = {
  ...{ denseSteps: 600, steps: 120, batch: 16, learningRate: 2e-3, length: 64, trainLimit: null, devLimit: 500 },
  cycle: { accumulateSteps: 20, orthogonalSteps: 20 },
} satisfies Omit<TablePreset, 'task' | 'folder'>;

/** Passages, and sentences whose marked words must not be cut off. */
const long = { ...usual, steps: 60, length: 128 };

/** Sizes for a small encoder on two cores: three methods at five seeds take two to four minutes a task. */
export const tablePresets = {
  glue: [
    { ...usual, task: 'cola', folder: 'CoLA', batch: 32 },
    { ...usual, task: 'sst2', folder: 'SST-2', batch: 32, steps: 200 },
    { ...usual, task: 'mrpc', folder: 'MRPC', length: 96, steps: 80 },
    { ...usual, task: 'stsb', folder: 'STS-B', steps: 160 },
    { ...long, task: 'rte', folder: 'RTE' },
    { ...long, task: 'qnli', folder: 'QNLI', length: 96, steps: 100 },
    { ...usual, task: 'mnli', folder: 'MNLI', steps: 100 },
  ],
  superglue: [
    { ...long, task: 'boolq', folder: 'BoolQ' },
    { ...long, task: 'cb', folder: 'CB' },
    { ...usual, task: 'copa', folder: 'COPA', steps: 80 },
    { ...usual, task: 'wic', folder: 'WiC', steps: 80 },
    { ...long, task: 'wsc', folder: 'WSC' },
  ],
  qa: [{ ...long, task: 'squad1', folder: '', steps: 80 }],
  ner: [
    { ...usual, task: 'wnut17', folder: 'wnut17' },
    { ...usual, task: 'wikigold', folder: 'wikigold', length: 96 },
  ],
} satisfies Readonly<Record<string, readonly TablePreset[]>>;

export type SuiteName = keyof typeof tablePresets;
export const suiteNames = Object.keys(tablePresets) as readonly SuiteName[];
