import type { Shape } from '../../src/shape.ts';

/** Strided views as the compiled kernels walk them: as few axes as possible, from the innermost outwards. */
export interface Layout {
  /** Innermost first; at least one axis. */
  readonly sizes: readonly number[];
  /** For each view its steps along these axes, in elements. */
  readonly steps: readonly (readonly number[])[];
}

/** Axes of size 1 are left out, and neighbours are merged where every view steps through both evenly. */
export function mergeAxes(shape: Shape, views: readonly { readonly strides: readonly number[] }[]): Layout {
  const sizes: number[] = [];
  const steps: number[][] = views.map(() => []);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis];
    if (size === 1) continue;
    const outer = sizes.length - 1;
    if (outer >= 0 && views.every((view, v) => view.strides[axis] === steps[v][outer] * sizes[outer]))
      sizes[outer] *= size;
    else {
      sizes.push(size);
      views.forEach((view, v) => {
        steps[v].push(view.strides[axis]);
      });
    }
  }
  if (sizes.length > 0) return { sizes, steps };
  return { sizes: [1], steps: views.map(() => [0]) };
}
