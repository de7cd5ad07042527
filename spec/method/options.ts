/**
 * The switches of the orthogonal expert optimizer. `../ambiguities.md` says for each one what the paper fixes and what was
 * chosen here, and why. A test holds these defaults and names equal to those of the fast code.
 */
import type { Columns, Combine } from './combine.ts';
import type { Bias, Side } from './project-update.ts';
import type { AlphaMode, ProjectorForm } from './projector.ts';
import type { Statistic } from './statistics.ts';

export interface OmoeOptions {
  readonly accumulateSteps: number;
  readonly orthogonalSteps: number;
  readonly updateEvery: number;
  readonly side: Side;
  readonly combine: Combine;
  readonly form: ProjectorForm;
  readonly project: 'update' | 'gradient';
  readonly statistic: Statistic;
  readonly columns: Columns;
  readonly control: 'none' | 'rotated' | 'norm-matched';
  readonly bias: Bias;
  readonly layers: 'fc1' | 'fc2' | 'both';
  readonly alpha: number;
  readonly alphaMode: AlphaMode;
  readonly energy: number;
  readonly sketch: number;
  readonly forgetting: number;
  readonly resetEachCycle: boolean;
  readonly renorm: boolean;
  readonly renormLimit: number;
  readonly plasticityWarning: number;
}

export const omoeDefaults: OmoeOptions = {
  accumulateSteps: 50,
  orthogonalSteps: 50,
  updateEvery: 1,
  side: 'output',
  combine: 'mean',
  form: 'qr',
  project: 'update',
  statistic: 'mean',
  columns: 'others',
  control: 'none',
  bias: 'augment',
  layers: 'both',
  alpha: 1e-3,
  alphaMode: 'relative',
  energy: 0.95,
  sketch: 64,
  forgetting: 1,
  resetEachCycle: true,
  renorm: true,
  renormLimit: 10,
  plasticityWarning: 0.05,
};

/** Every method by its name, as what it changes in the defaults. `null` is the base optimizer alone. */
export const namedMethods: Readonly<Record<string, Partial<OmoeOptions> | null>> = {
  adamw: null,
  omoe: {},
  'omoe-paper': { side: 'input', combine: 'mean', form: 'recursion', project: 'gradient', renorm: false },
  'omoe-span': { combine: 'span' },
  'omoe-hard': { combine: 'hard' },
  'omoe-input': { side: 'input' },
  'omoe-update': { side: 'update' },
  'norm-matched': { control: 'norm-matched', renorm: false },
  rotated: { control: 'rotated' },
  'own-span': { columns: 'own' },
  'shared-span': { columns: 'shared' },
};
