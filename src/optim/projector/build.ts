import { ShapeError } from '../../errors.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import { foldIn, type Key } from '../../random.ts';
import type { OmoeOptions } from '../options.ts';
import {
  expertProjector,
  hardProjector,
  meanProjector,
  type Recorded,
  randomRotation,
  rotated,
  sources,
  spanProjector,
} from './combine.ts';
import { type Projector, toDense } from './projector.ts';
import type { ExpertColumns } from './statistics.ts';

export type ProjectorOptions = Pick<
  OmoeOptions,
  'combine' | 'form' | 'columns' | 'control' | 'alpha' | 'alphaMode' | 'energy'
>;

/** The columns of one expert as this phase finds them. */
export function recorded(expert: ExpertColumns): Recorded {
  const columns = expert.matrix(); // may shrink a sketch, so before δ is read
  return { columns, squaredNorm: expert.squaredNorm, sketchError: expert.sketchError };
}

/**
 * Q_i for every expert i, at the start of an orthogonal phase: one expert matrix, one side (spec/method/combine.ts).
 * Each P_j of `mean` is factorised once and used in every Q_i; with `shared` columns all experts get the same Q.
 *
 * @param experts one recorder an expert, all of equal `rows`; none gives no projectors.
 * @param key used by the control `rotated` alone, folded with the expert's index.
 * @throws ShapeError where rows differ · UsageError on alpha <= 0 or energy outside (0, 1].
 */
export function buildProjectors(experts: readonly ExpertColumns[], options: ProjectorOptions, key: Key): Projector[] {
  if (experts.length === 0) return [];
  const rows = experts[0]!.rows;
  const odd = experts.findIndex((expert) => expert.rows !== rows);
  if (odd >= 0) {
    throw new ShapeError({
      operation: 'buildProjectors',
      received: `columns of ${experts[odd]!.rows} entries for expert ${odd}, of ${rows} for expert 0`,
      expected: 'equal sizes',
    });
  }
  const combined = combiner(experts.map(recorded), rows, options);
  const shared = options.columns === 'shared' ? combined(sources(0, experts.length, 'shared')) : null;
  return experts.map((_, i) => {
    const q = shared ?? combined(sources(i, experts.length, options.columns));
    return options.control === 'rotated' ? rotated(q, randomRotation(rows, foldIn(key, i))) : q;
  });
}

/** From the indices of the source experts to their combined projector; what all Q_i have in common is computed once. */
function combiner(
  parts: readonly Recorded[],
  rows: number,
  options: ProjectorOptions,
): (from: readonly number[]) => Projector {
  if (options.combine === 'mean') {
    const each = parts.map((part) => expertProjector(part, rows, options));
    const dense = new Map<Projector, Matrix>(); // each P_j multiplied out once at most, not once for every Q_i
    const denseOf = (part: Projector): Matrix => {
      const known = dense.get(part) ?? toDense(part);
      dense.set(part, known);
      return known;
    };
    return (from) =>
      meanProjector(
        from.map((j) => each[j]!),
        rows,
        denseOf,
      );
  }
  const chosen = (from: readonly number[]) => from.map((j) => parts[j]!);
  if (options.combine === 'span') return (from) => spanProjector(chosen(from), rows, options);
  return (from) => hardProjector(chosen(from), rows, options.energy);
}
