import { expect, it } from 'vitest';
import { claimWithin, gamma } from '../../property-tests/kit/within.ts';
import { buildProjectors, ExpertColumns, key, matrix, projectColumns, renorm } from './arrays.ts';

it('the example of the docstring', () => {
  const experts = [0, 1, 2].map(() => new ExpertColumns(4, 64));
  experts[0]!.add(Float64Array.of(1, 0, 0, 0));
  experts[1]!.add(matrix(4, 2, [0, 0, 1, 0, 0, 1, 0, 0]));
  const options = {
    combine: 'hard',
    form: 'qr',
    columns: 'others',
    control: 'none',
    alpha: 1e-3,
    alphaMode: 'relative',
    energy: 1,
  } as const;
  const projectors = buildProjectors(experts, options, key(0));
  const update = matrix(2, 4, [1, 2, 3, 4, 5, 6, 7, 8]);
  const projected = projectColumns(update, projectors[2]!);
  claimWithin(projected.data, [0, 0, 0, 4, 0, 0, 0, 8], gamma(200) * 8, 'ΔW Q');
  const { update: step, factor } = renorm(projected.data, update.data, 10);
  // ‖ΔW‖² = 204, of which 16 + 64 is left.
  claimWithin([factor], [Math.sqrt(204 / 80)], gamma(300) * 2, 'factor');
  claimWithin([Math.hypot(...step)], [Math.sqrt(204)], gamma(300) * 15, '‖step‖');
  expect(projectors.map((q) => q.rank)).toEqual([2, 1, 3]);
});
