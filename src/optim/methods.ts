import * as v from 'valibot';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { type OmoeOptions, omoeDefaults } from './options.ts';

/** One method of a comparison: the base optimizer alone, or OMoE with every switch spelled out. */
export interface Method {
  /** The id as written on the command line, options included: `omoe:side=input,alpha=0.01`. */
  readonly name: string;
  /** `null` is the base optimizer (AdamW). */
  readonly omoe: OmoeOptions | null;
}

/** A method by its id: an override of `omoeDefaults`, or `null` for the base optimizer alone. */
export interface NamedMethod {
  readonly id: string;
  readonly meaning: string;
  readonly options: Partial<OmoeOptions> | null;
}

/** Every method name that the command line, the JSON and the documents use. */
export const methodTable: readonly NamedMethod[] = [
  { id: 'adamw', meaning: 'the base optimizer alone, with the same balance loss as all others', options: null },
  {
    id: 'omoe',
    meaning: 'the default: output side, averaged projectors, the final update projected, norm restored',
    options: {},
  },
  {
    id: 'omoe-paper',
    meaning:
      'as near to the source as it can be read: input side, averaged projectors by recursion, the gradient projected, norm not restored',
    options: { side: 'input', combine: 'mean', form: 'recursion', project: 'gradient', renorm: false },
  },
  {
    id: 'omoe-span',
    meaning: 'output side, one ridge projector of all other experts together',
    options: { combine: 'span' },
  },
  {
    id: 'omoe-hard',
    meaning: 'output side, the leading directions of the other experts removed entirely',
    options: { combine: 'hard' },
  },
  {
    id: 'omoe-input',
    meaning: 'the input side of each weight matrix, the final update projected, norm restored',
    options: { side: 'input' },
  },
  {
    id: 'omoe-update',
    meaning: 'each flattened update orthogonal to what the other experts have learnt so far, norm restored',
    options: { side: 'update' },
  },
  {
    id: 'norm-matched',
    meaning: 'control: the base update shrunk to the norm that an unrenormalised omoe would keep, nothing projected',
    options: { control: 'norm-matched', renorm: false },
  },
  {
    id: 'rotated',
    meaning: 'control: omoe with its projector turned by a random rotation, so the same spectrum in random directions',
    options: { control: 'rotated' },
  },
  {
    id: 'own-span',
    meaning: "control: the projector built from the expert's own columns only",
    options: { columns: 'own' },
  },
  {
    id: 'shared-span',
    meaning: 'control: one and the same projector for every expert, built from the columns of all',
    options: { columns: 'shared' },
  },
];

const count = (least: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(least));
const within = (low: number, high: number) => v.pipe(v.number(), v.minValue(low), v.maxValue(high));
/** (0, 1]: a share that may be whole but not empty. */
const share = v.pipe(v.number(), v.gtValue(0), v.maxValue(1));

/** Per option: what it takes, for the error message, and the check itself. */
const optionRules: { readonly [K in keyof OmoeOptions]: readonly [string, v.GenericSchema<OmoeOptions[K]>] } = {
  accumulateSteps: ['an integer of at least 0', count(0)],
  orthogonalSteps: ['an integer of at least 0', count(0)],
  updateEvery: ['an integer of at least 1', count(1)],
  side: oneOf(['input', 'output', 'update']),
  combine: oneOf(['mean', 'span', 'hard']),
  form: oneOf(['qr', 'recursion', 'closed']),
  project: oneOf(['update', 'gradient']),
  statistic: oneOf(['mean', 'tokens']),
  columns: oneOf(['others', 'own', 'shared']),
  control: oneOf(['none', 'rotated', 'norm-matched']),
  bias: oneOf(['augment', 'freeze', 'free']),
  layers: oneOf(['fc1', 'fc2', 'both']),
  alpha: ['a finite number above 0', v.pipe(v.number(), v.finite(), v.gtValue(0))],
  alphaMode: oneOf(['relative', 'absolute']),
  energy: ['a number above 0 and at most 1', share],
  sketch: ['an integer of at least 0 (0 keeps every column)', count(0)],
  forgetting: ['a number above 0 and at most 1', share],
  resetEachCycle: ['true or false', v.boolean()],
  renorm: ['true or false', v.boolean()],
  renormLimit: ['a finite number of at least 1', v.pipe(v.number(), v.finite(), v.minValue(1))],
  plasticityWarning: ['a number from 0 to 1', within(0, 1)],
};

function oneOf<T extends string>(words: readonly T[]): readonly [string, v.GenericSchema<T>] {
  return [words.join(', '), v.picklist(words)];
}

/** The option names, in the order of `OmoeOptions`. */
export const optionNames = Object.keys(optionRules) as readonly (keyof OmoeOptions)[];

/**
 * Completes and checks the options of `omoe(base, options)`; what is left out takes its default.
 *
 * @param partial any of the switches of `OmoeOptions`
 * @param operation what to name in an error, e.g. `--methods omoe`
 * @throws UsageError for an unknown option, a value outside its range, or switches that contradict each other
 */
export function validateOmoeOptions(partial: Partial<OmoeOptions> = {}, operation = 'omoe'): OmoeOptions {
  if (typeof partial !== 'object' || partial === null || Array.isArray(partial)) {
    throw new UsageError({ operation, received: shown(partial), expected: 'an object of options' });
  }
  for (const [name, value] of Object.entries(partial)) {
    const rule = isOption(name) ? optionRules[name] : undefined;
    if (rule === undefined) {
      throw new UsageError({
        operation,
        received: `the option "${name}"`,
        expected: `one of ${optionNames.join(', ')}`,
        advice: didYouMean(name, optionNames),
      });
    }
    // An option that is present but undefined counts as left out, as everywhere in JavaScript.
    if (value !== undefined && !v.is(rule[1], value)) {
      throw new UsageError({ operation, received: `${name} = ${shown(value)}`, expected: `${name} to be ${rule[0]}` });
    }
  }
  const given = Object.fromEntries(Object.entries(partial).filter(([, value]) => value !== undefined));
  const options: OmoeOptions = { ...omoeDefaults, ...given };
  refuseContradictions(options, operation);
  return options;
}

/** Combinations in which a switch would silently mean nothing. */
function refuseContradictions(options: OmoeOptions, operation: string): void {
  const { accumulateSteps, orthogonalSteps, side, form, forgetting } = options;
  if (accumulateSteps + orthogonalSteps === 0) {
    throw new UsageError({
      operation,
      received: 'accumulateSteps = 0 and orthogonalSteps = 0',
      expected: 'a cycle of at least one step',
      advice: 'orthogonalSteps = 0 alone is the base optimizer.',
    });
  }
  // Without recorded columns A is empty and Q = I: the method would never project. The update side needs no columns.
  if (accumulateSteps === 0 && side !== 'update') {
    throw new UsageError({
      operation,
      received: `accumulateSteps = 0 with side = ${side}`,
      expected: 'at least one accumulating step, in which the statistics are recorded',
    });
  }
  // Forgetting rescales all columns, which the rank-one recursion cannot express.
  if (form === 'recursion' && forgetting < 1) {
    throw new UsageError({
      operation,
      received: `form = recursion with forgetting = ${forgetting}`,
      expected: 'form = qr or closed when forgetting is below 1',
    });
  }
}

const isOption = (name: string): name is keyof OmoeOptions => Object.hasOwn(optionRules, name);

const shown = (value: unknown) => (typeof value === 'string' ? `"${value}"` : String(value));
