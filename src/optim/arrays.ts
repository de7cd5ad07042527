/**
 * `omoe/optim/arrays`: OMoE's projectors on plain Float64 arrays, without the engine. For whoever trains elsewhere and
 * wants only the projection.
 *
 * ```ts
 * import { buildProjectors, ExpertColumns, key, matrix, projectColumns, renorm } from 'omoe/optim/arrays';
 *
 * // Accumulating phase: one recorder an expert; on the output side it takes the outputs of that expert's linear.
 * const experts = [0, 1, 2].map(() => new ExpertColumns(4, 64));
 * experts[0].add(Float64Array.of(1, 0, 0, 0));          // the mean output over this step's tokens
 * experts[1].add(matrix(4, 2, [0, 0, 1, 0, 0, 1, 0, 0])); // or a column for every token: [rows, tokens]
 *
 * // Orthogonal phase: one Q for each expert, from the columns of the others.
 * const options = { combine: 'hard', form: 'qr', columns: 'others', control: 'none',
 *   alpha: 1e-3, alphaMode: 'relative', energy: 1 } as const;
 * const projectors = buildProjectors(experts, options, key(0));
 *
 * const update = matrix(2, 4, [1, 2, 3, 4, 5, 6, 7, 8]); // ΔW of expert 2, [in, out]
 * const projected = projectColumns(update, projectors[2]); // ΔW Q: zero in the first three columns
 * const { update: step, factor } = renorm(projected.data, update.data, 10); // back to ‖ΔW‖, tenfold at most
 * ```
 */
export type { Matrix } from '../linalg/matrix.ts';
export { fromColumns, fromRows, identity, matrix, multiply, transpose } from '../linalg/matrix.ts';
export type { Key } from '../random.ts';
export { foldIn, key } from '../random.ts';
export type { OmoeOptions } from './options.ts';
export { omoeDefaults } from './options.ts';
export * from './projector/index.ts';
