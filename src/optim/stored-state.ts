import type { DType } from '../backend.ts';
import type { Engine } from '../engine.ts';
import type { Recorded } from '../moe/statistics.ts';
import { type PendingArray, pending, type StoredArrays, StrictArrays, storeTree } from '../stored.ts';
import { Tensor } from '../tensor.ts';
import { mapTree } from '../tree.ts';
import type { LinearState } from './linear-state.ts';
import type { OmoeState } from './omoe.ts';
import type { Parameters } from './optimizer.ts';
import type { OmoeOptions } from './options.ts';
import { ExpertColumns } from './projector/index.ts';
import type { DeviceProjectors } from './protect.ts';

/**
 * The whole state of an optimizer as arrays and a few numbers, so that a training taken up again goes on to the bit, in the
 * middle of a phase as well.
 *
 * Arrays, by name:
 *   base.*                            the base optimizer's tensors by path, e.g. base.first.blocks.0.moe.fc1.weight
 *   linears.<name>.start              update side: [W; b] after the upcycle [expert, in + 1, out]
 *   linears.<name>.pending.<i>.*      records of this accumulating phase that were not yet read: columns, owners
 *   linears.<name>.columns.<e>        Float64 [column, size]: what expert e has recorded, or its sketch
 *   linears.<name>.squaredNorms       Float64 [expert]: ‖A‖²_F of the true columns; sketchErrors: what sketching gave up
 *   linears.<name>.projectors.*       of this orthogonal phase: factor or dense, trace, and others.* for the leakage
 */
export interface StoredOptimizer<Arrays = StoredArrays> {
  readonly arrays: Arrays;
  readonly layout: OptimizerLayout;
}

/** What the arrays alone do not say. */
export interface OptimizerLayout {
  /** Steps taken. */
  readonly step: number;
  /** The base optimizer's numbers by path, e.g. `steps`. */
  readonly base: Readonly<Record<string, number>>;
  readonly linears: Readonly<Record<string, LinearLayout>>;
}

export interface LinearLayout {
  /** Records that were not yet read. */
  readonly pending: number;
  /** The form of the projectors, `factor` one of orthogonal columns; null before an orthogonal phase. */
  readonly projectors: ProjectorForm | null;
}

export const projectorForms = ['factor', 'oblique-factor', 'dense'] as const;
export type ProjectorForm = (typeof projectorForms)[number];

const formOf = (q: DeviceProjectors): ProjectorForm =>
  'dense' in q ? 'dense' : q.orthogonal ? 'factor' : 'oblique-factor';

const float64 = (values: readonly number[]): PendingArray =>
  pending({ shape: [values.length], data: Float64Array.from(values) });

/** The state's arrays, which are read one by one when they are written: the state has to live until then. */
export function storeOptimizer<S>(state: OmoeState<S>): StoredOptimizer<ReadonlyMap<string, PendingArray>> {
  const arrays = storeTree(state.base, 'base');
  const linears: Record<string, LinearLayout> = {};
  for (const [name, linear] of state.linears) {
    const at = `linears.${name}`;
    const { start, pending: records, projectors } = linear;
    const tensors = storeTree({
      ...(start ? { [`${at}.start`]: start } : {}),
      ...Object.fromEntries(records.map((record, i) => [`${at}.pending.${i}`, record])),
      ...(projectors
        ? { [`${at}.projectors`]: projectors.q, [`${at}.projectors.others.columns`]: projectors.others.columns }
        : {}),
    });
    for (const [path, array] of tensors) arrays.set(path, array);
    const held = linear.columns.map((expert) => expert.state());
    held.forEach(({ rows, columns }, e) => {
      const shape = [rows === 0 ? 0 : columns.length / rows, rows];
      arrays.set(`${at}.columns.${e}`, pending({ shape, data: columns }));
    });
    const numbers: Record<string, readonly number[]> = {
      squaredNorms: held.map(({ squaredNorm }) => squaredNorm),
      sketchErrors: held.map(({ sketchError }) => sketchError),
      ...(projectors && {
        'projectors.trace': projectors.trace,
        'projectors.others.squaredNorms': projectors.others.squaredNorms,
        'projectors.others.sketchErrors': projectors.others.sketchErrors,
      }),
    };
    for (const [what, values] of Object.entries(numbers)) arrays.set(`${at}.${what}`, float64(values));
    linears[name] = { pending: records.length, projectors: projectors && formOf(projectors.q) };
  }
  return { arrays, layout: { step: state.step, base: numbersOf(state.base), linears } };
}

/**
 * The state that `storeOptimizer` wrote.
 * @param initial what the optimizer begins with for these parameters: it says what there has to be
 * @throws DataError listing every array that is missing, misshapen or not expected
 */
export function restoreOptimizer<S>(
  t: Engine,
  { arrays, layout }: StoredOptimizer,
  initial: OmoeState<S>,
  parameters: Parameters,
  options: OmoeOptions,
): OmoeState<S> {
  const strict = new StrictArrays(arrays);
  const numbers = new Map(Object.entries(layout.base));
  const base = fill(initial.base, 'base', {
    tensor: (path, { shape, dtype }) => strict.tensor(t, path, { shape, dtype }),
    number: (path) => {
      const value = numbers.get(path.slice('base.'.length));
      if (value === undefined) strict.complain(`the number ${path} is missing`);
      return value ?? 0;
    },
  });
  const layouts = new Map(Object.entries(layout.linears));
  const linears = new Map<string, LinearState>();
  for (const [name, fresh] of initial.linears) {
    const form = layouts.get(name);
    const dtype = parameters.get(`${name}.weight`)?.dtype ?? t.dtype;
    if (form) linears.set(name, restoreLinear(t, strict, `linears.${name}`, form, fresh, dtype, options));
    else strict.complain(`the expert linear ${name} is missing`);
    layouts.delete(name);
  }
  for (const name of layouts.keys()) strict.complain(`the expert linear ${name} is not expected`);
  strict.finish('load optimizer', 'the state of this optimizer for this model');
  return { base, step: layout.step, linears };
}

function restoreLinear(
  t: Engine,
  strict: StrictArrays,
  at: string,
  layout: LinearLayout,
  fresh: LinearState,
  dtype: DType,
  options: OmoeOptions,
): LinearState {
  const experts = fresh.columns.length;
  const size = fresh.columns[0]?.rows ?? 0;
  const numbers = (name: string): number[] => [
    ...(strict.take(`${at}.${name}`, { shape: [experts], dtype: 'float64' })?.data ?? new Float64Array(experts)),
  ];
  const start = mapTree(
    fresh.start,
    (tensor, path) => strict.tensor(t, path, { shape: tensor.shape, dtype: tensor.dtype }),
    `${at}.start`,
  );
  // An augmented input is recorded without its constant 1, which is joined to it on the host.
  const recordedSize = options.side === 'input' && options.bias === 'augment' ? size - 1 : size;
  const rows = options.statistic === 'mean' ? experts : null;
  const pending = Array.from({ length: layout.pending }, (_, i): Recorded => {
    const columns = strict.tensor(t, `${at}.pending.${i}.columns`, { shape: [rows, recordedSize], dtype });
    const owners = strict.tensor(t, `${at}.pending.${i}.owners`, { shape: [columns.shape[0] ?? null], dtype: 'int32' });
    return { columns, owners };
  });
  const [squaredNorms, sketchErrors] = [numbers('squaredNorms'), numbers('sketchErrors')];
  const columns = fresh.columns.map(({ rows, cap }, e) => {
    const held = strict.take(`${at}.columns.${e}`, { shape: [null, rows], dtype: 'float64' });
    return ExpertColumns.from({
      rows,
      cap,
      columns: (held?.data as Float64Array | undefined) ?? new Float64Array(0),
      squaredNorm: squaredNorms[e],
      sketchError: sketchErrors[e],
    });
  });
  if (layout.projectors === null) return { start, pending, columns, projectors: null };
  const stack = (name: string, square: boolean) =>
    strict.tensor(t, `${at}.projectors.${name}`, { shape: [experts, size, square ? size : null], dtype });
  return {
    start,
    pending,
    columns,
    projectors: {
      q:
        layout.projectors === 'dense'
          ? { dense: stack('dense', true) }
          : { factor: stack('factor', false), orthogonal: layout.projectors === 'factor' },
      trace: numbers('projectors.trace'),
      others: {
        columns: stack('others.columns', false),
        squaredNorms: numbers('projectors.others.squaredNorms'),
        sketchErrors: numbers('projectors.others.sketchErrors'),
      },
    },
  };
}

interface Filling {
  tensor(path: string, like: Tensor): Tensor;
  number(path: string, like: number): number;
}

/** A tree of records and maps with every tensor and every number replaced; whatever else it holds stays. */
function fill<T>(tree: T, path: string, filling: Filling): T {
  if (tree instanceof Tensor) return filling.tensor(path, tree) as T;
  if (typeof tree === 'number') return filling.number(path, tree) as T;
  if (tree instanceof Map) {
    const entries: [string, unknown][] = [...tree];
    return new Map(entries.map(([name, child]) => [name, fill(child, `${path}.${name}`, filling)])) as T;
  }
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(
    Object.entries(tree).map(([name, child]) => [name, fill(child, `${path}.${name}`, filling)]),
  ) as T;
}

/** The numbers of a tree by path. */
function numbersOf(tree: unknown): Record<string, number> {
  const found: Record<string, number> = {};
  fill(tree, 'base', {
    tensor: (_, tensor) => tensor,
    number(path, value) {
      found[path.slice('base.'.length)] = value;
      return value;
    },
  });
  return found;
}
