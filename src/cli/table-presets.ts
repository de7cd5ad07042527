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

/**
 * A small encoder learns a task in hundreds of steps or thousands, so most of them are the dense model's, which a seed's methods
 * share. A cycle of theirs is 40 steps long: each sees at least one.
 */
const usual = {
  ...{ denseSteps: 600, steps: 120, batch: 16, learningRate: 1e-3, length: 64, trainLimit: null, devLimit: 500 },
  cycle: { accumulateSteps: 20, orthogonalSteps: 20 },
} satisfies Omit<TablePreset, 'task' | 'folder'>;

/** Passages, and sentences whose marked words must not be cut off. */
const long = { ...usual, denseSteps: 100, steps: 40, length: 128 };

/** Steps until a small encoder's dev metric rises little further, as far as two cores reach: three to fifteen minutes a task. */
export const tablePresets = {
  glue: [
    { ...usual, task: 'cola', folder: 'CoLA', batch: 32, denseSteps: 1000, devLimit: null },
    { ...usual, task: 'sst2', folder: 'SST-2', batch: 32, denseSteps: 1500, devLimit: null },
    { ...usual, task: 'mrpc', folder: 'MRPC', length: 96, denseSteps: 200, steps: 80 },
    { ...usual, task: 'stsb', folder: 'STS-B', denseSteps: 1000 },
    { ...long, task: 'rte', folder: 'RTE' },
    { ...usual, task: 'qnli', folder: 'QNLI', length: 96, denseSteps: 400, steps: 80 },
    { ...usual, task: 'mnli', folder: 'MNLI', steps: 80 },
  ],
  superglue: [
    { ...long, task: 'boolq', folder: 'BoolQ' },
    { ...long, task: 'cb', folder: 'CB' },
    { ...usual, task: 'copa', folder: 'COPA', denseSteps: 200, steps: 80 },
    { ...usual, task: 'wic', folder: 'WiC', denseSteps: 400, steps: 80 },
    { ...long, task: 'wsc', folder: 'WSC' },
  ],
  qa: [{ ...long, task: 'squad1', folder: '', denseSteps: 300 }],
  ner: [
    { ...usual, task: 'wnut17', folder: 'wnut17', learningRate: 2e-3, devLimit: null },
    { ...usual, task: 'wikigold', folder: 'wikigold', length: 96, learningRate: 2e-3, denseSteps: 300, steps: 80 },
  ],
} satisfies Readonly<Record<string, readonly TablePreset[]>>;

export type SuiteName = keyof typeof tablePresets;
export const suiteNames = Object.keys(tablePresets) as readonly SuiteName[];
