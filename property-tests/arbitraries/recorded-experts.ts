import fc from 'fast-check';
import type { Matrix } from '../../src/linalg/matrix.ts';
import { frobeniusNorm, matrix } from '../../src/linalg/matrix.ts';
import { svd } from '../../src/linalg/svd.ts';
import { omoeDefaults } from '../../src/optim/options.ts';
import { buildProjectors, type ProjectorOptions } from '../../src/optim/projector/build.ts';
import { stackedColumns } from '../../src/optim/projector/combine.ts';
import { type Projector, projectRows } from '../../src/optim/projector/projector.ts';
import { ridge } from '../../src/optim/projector/ridge.ts';
import { ExpertColumns } from '../../src/optim/projector/statistics.ts';
import { key } from '../../src/random.ts';
import { matricesOf } from './matrices.ts';

/** The projector's share of the optimizer's defaults. */
export const defaults: ProjectorOptions = omoeDefaults;

/** E experts with matrices of one height and any width, 0 included; and how to combine them. */
export const recordedExperts = (least = 1) =>
  fc
    .record({
      rows: fc.integer({ min: 1, max: 6 }),
      widths: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: least, maxLength: 4 }),
      alpha: fc.constantFrom(1e-6, 1e-3, 1),
      alphaMode: fc.constantFrom<'relative' | 'absolute'>('relative', 'absolute'),
      energy: fc.constantFrom(0.5, 0.95, 1),
    })
    .chain(({ rows, widths, ...options }) =>
      fc.record({
        rows: fc.constant(rows),
        columns: fc.tuple(...widths.map((width) => matricesOf(rows, width, [-6, 0, 6]))),
        options: fc.constant(options),
      }),
    );

/** One recorder an expert, filled in one go. */
export const recorders = (rows: number, columns: readonly Matrix[], cap = 0): ExpertColumns[] =>
  columns.map((a) => {
    const expert = new ExpertColumns(rows, cap);
    expert.add(a);
    return expert;
  });

/** Q_i of every expert, from the defaults and what overrides them. */
export const build = (
  rows: number,
  columns: readonly Matrix[],
  options: Partial<ProjectorOptions>,
  cap = 0,
): Projector[] => buildProjectors(recorders(rows, columns, cap), { ...defaults, ...options }, key(3));

/** [A_1 A_2 …] */
export const stacked = (rows: number, columns: readonly Matrix[]): Matrix =>
  stackedColumns(
    columns.map((a) => ({ columns: a, squaredNorm: 0, sketchError: 0 })),
    rows,
  );

/** Column j of A, and Q times it. */
export const imageOf = (q: Projector, a: Matrix, j: number) => {
  const column = Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]!);
  return { column, image: projectRows(q, matrix(a.rows, 1, column)).data };
};

/** α of one matrix under the given options. */
export const absoluteRidge = (options: Pick<ProjectorOptions, 'alpha' | 'alphaMode'>, a: Matrix): number =>
  ridge(options.alpha, options.alphaMode, frobeniusNorm(a) ** 2, a.rows);

/** The norm as an operator, from the singular values. */
export const operatorNorm = (m: Matrix): number => svd(m).s[0] ?? 0;

/** A − B */
export const minus = (a: Matrix, b: Matrix): Matrix =>
  matrix(
    a.rows,
    a.cols,
    a.data.map((x, k) => x - b.data[k]!),
  );
