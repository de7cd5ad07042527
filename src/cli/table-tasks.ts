/** A table as the comparisons that it is made of. */
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { taskSources } from '../tasks/sources.ts';
import { parseMethods } from '../train/parse-methods.ts';
import type { CompareFlags } from '../train/plan.ts';
import type { Method } from '../train/types.ts';
import { commandLine } from './command-line.ts';
import type { OutputFlags } from './environment.ts';
import { type SuiteName, suiteNames, type TablePreset, tablePresets } from './table-presets.ts';

/** What the command line of `table` may carry: what a comparison takes goes to each of them. */
export interface TableFlags
  extends OutputFlags,
    Omit<CompareFlags, 'task' | 'data' | 'vocab' | 'width' | 'ffn' | 'layers' | 'heads'> {
  readonly data: string;
  readonly model: string;
  readonly out: string;
  readonly tasks?: string;
  /** `25/25`: accumulating and orthogonal steps of every OMoE method that does not state its own. */
  readonly cycle?: string;
  readonly moeLayers?: string;
  readonly dropout?: string;
  readonly threads?: string;
  readonly dryRun?: boolean;
}

/** What `compare` is asked for, as text; each key is its option in camelCase. */
export type TaskFlags = CompareFlags & {
  readonly task: string;
  readonly data: string;
  readonly model: string;
  readonly out: string;
  readonly methods: string;
  readonly threads?: string;
};

export interface TableTask {
  readonly task: string;
  /** As its authors write it. */
  readonly title: string;
  /** The folder in the table's, named by the task. */
  readonly folder: string;
  readonly flags: TaskFlags;
  /** The command that does this task alone. */
  readonly command: string;
}

export interface TablePlan {
  readonly suite: SuiteName;
  readonly model: string;
  /** The columns of the table: the methods as they were asked for, without the cycle of each task. */
  readonly methods: readonly string[];
  readonly tasks: readonly TableTask[];
}

const suiteNamed = (name: string): SuiteName => {
  const suite = suiteNames.find((known) => known === name);
  if (suite !== undefined) return suite;
  throw new UsageError({
    operation: 'table',
    received: `the suite "${name}"`,
    expected: `one of ${suiteNames.join(', ')}`,
    advice: didYouMean(name, suiteNames),
  });
};

const presetsOf = (suite: SuiteName, asked: string | undefined): readonly TablePreset[] => {
  const presets: readonly TablePreset[] = tablePresets[suite];
  if (asked === undefined) return presets;
  const names = asked.split(',').map((name) => name.trim());
  const known = presets.map(({ task }) => task);
  const refuse = (received: string, expected: string, advice?: string) =>
    new UsageError({ operation: `table ${suite} --tasks`, received, expected, advice });
  for (const [i, name] of names.entries()) {
    if (!known.includes(name)) throw refuse(`"${name}"`, `some of ${known.join(',')}`, didYouMean(name, known));
    if (names.indexOf(name) !== i) throw refuse(`"${name}" twice`, 'each task once');
  }
  return presets.filter(({ task }) => names.includes(task));
};

const cycleFrom = (text: string): TablePreset['cycle'] => {
  const [accumulateSteps, orthogonalSteps] = /^\d{1,9}\/\d{1,9}$/.test(text) ? text.split('/').map(Number) : [];
  if (accumulateSteps !== undefined && orthogonalSteps !== undefined) return { accumulateSteps, orthogonalSteps };
  throw new UsageError({
    operation: 'table --cycle',
    received: `"${text}"`,
    expected: 'accumulating and orthogonal steps, such as 25/25',
  });
};

/** A method with the steps of the cycle written out where it does not state them itself. */
const withCycle = ({ name, omoe }: Method, cycle: TablePreset['cycle']): string => {
  if (omoe === null) return name;
  const own = Object.entries(cycle)
    .filter(([option]) => !name.includes(`${option}=`))
    .map(([option, value]) => `${option}=${value}`);
  return own.length === 0 ? name : `${name}${name.includes(':') ? ',' : ':'}${own.join(',')}`;
};

const optionOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The arguments that say the same as the flags, absent ones left out. */
const argumentsOf = (flags: object): string[] =>
  Object.entries(flags).flatMap(([key, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [optionOf(key)] : [optionOf(key), String(value)];
  });

/**
 * The comparisons of a table.
 *
 * @throws UsageError for an unknown suite, task or method, or a cycle that is none
 */
export const planTable = (suiteName: string, flags: TableFlags): TablePlan => {
  const suite = suiteNamed(suiteName);
  const { data, model, out, tasks, cycle, methods: asked, dryRun, json, quiet, verbose, ...passed } = flags;
  const methods = parseMethods(asked ?? 'adamw,omoe,omoe-paper');
  const stated = cycle === undefined ? null : cycleFrom(cycle);
  return {
    suite,
    model,
    methods: methods.map(({ name }) => name),
    tasks: presetsOf(suite, tasks).map((preset) => {
      const { task, denseSteps, steps, batch, learningRate, length, trainLimit, devLimit } = preset;
      const own: TaskFlags = {
        ...{ task, data: join(data, preset.folder), model },
        methods: methods.map((method) => withCycle(method, stated ?? preset.cycle)).join(','),
        ...{
          experts: '4',
          seeds: '5',
          denseSteps: String(denseSteps),
          steps: String(steps),
          batch: String(batch),
          lr: String(learningRate),
          length: String(length),
        },
        ...(trainLimit === null ? {} : { trainLimit: String(trainLimit) }),
        ...(devLimit === null ? {} : { devLimit: String(devLimit) }),
        ...passed,
        out: join(out, task),
      };
      const title = taskSources.find(({ name }) => name === task)?.title ?? task;
      return { task, title, folder: task, flags: own, command: commandLine(['compare', ...argumentsOf(own)]) };
    }),
  };
};
