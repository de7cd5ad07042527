import { cpu } from '../../backends/cpu/index.ts';
import type { Backend } from '../../src/backend.ts';
import { engine } from '../../src/engine.ts';
import { foldIn, key, uniform } from '../../src/random.ts';
import { type TrainingStep, training } from './pages/training.ts';
import { withRoundings } from './rounding-backend.ts';

/**
 * What the training of `pages/training.ts` should give: the CPU backend's answer here in Float64, and how far a Float32
 * backend may be from it. The distance is the derived one of `rounding-backend.ts`, in the Euclidean norm of each update and of
 * each loss: t times the root mean square of `draws` runs with roundings.
 */
export interface Expected {
  readonly steps: readonly TrainingStep[];
  /** By step, and by path in it; the loss is the path ''. */
  readonly bounds: readonly ReadonlyMap<string, number>[];
}

/**
 * 2 exp(−t²/2) is 2.5e-14 at t = 8. σ itself is estimated from 16 draws: for a single number it comes out below half of what it
 * is once in 900 times (χ²₁₆ < 4), and t = 4 would then be passed by 7e-4 of backends.
 */
const t = 8;
const draws = 16;
const float32 = 2 ** -24;
const steps = 3;

/** Fewer cannot have an orthogonal phase behind them. */
async function trained(backend: Backend): Promise<TrainingStep[]> {
  const learner = training(engine(backend, { dtype: 'float64' }));
  const done: TrainingStep[] = [];
  for (let step = 0; step < steps; step++) done.push(await learner.step());
  return done;
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, i) => value - b[i]));
/** The numbers that are compared: the loss and every update. */
const parts = ({ loss, updates }: TrainingStep): Map<string, readonly number[]> =>
  new Map([['', [loss]], ...Object.entries(updates)]);

const known = new Map<string, Promise<Expected>>();

/** @param ulps of the functions of the backend that is to be judged; equal ones are computed once */
export function expectedTraining(ulps: Backend['ulps']): Promise<Expected> {
  const name = JSON.stringify(Object.entries(ulps).sort());
  if (!known.has(name)) known.set(name, compute(ulps));
  return known.get(name)!;
}

async function compute(ulps: Backend['ulps']): Promise<Expected> {
  const exact = await trained(cpu() as Backend);
  const squares = exact.map((step) => new Map([...parts(step).keys()].map((path) => [path, 0])));
  for (let draw = 0; draw < draws; draw++) {
    const model = { u: float32, ulps, coin: coins(draw) };
    const rounded = await trained(withRoundings(cpu() as Backend, model));
    for (const [s, step] of rounded.entries())
      for (const [path, values] of parts(step)) {
        const off = distance(values, parts(exact[s]).get(path)!);
        squares[s].set(path, squares[s].get(path)! + off ** 2);
      }
  }
  const bounds = squares.map((of) => new Map([...of].map(([path, sum]) => [path, t * Math.sqrt(sum / draws)])));
  refuseLooseBounds(exact, bounds);
  return { steps: exact, bounds };
}

/** A choice of the gate that hangs on rounding would make the bounds as large as the updates, and the comparison empty. */
function refuseLooseBounds(exact: readonly TrainingStep[], bounds: Expected['bounds']): void {
  for (const [s, step] of exact.entries())
    for (const [path, values] of parts(step)) {
      const share = bounds[s].get(path)! / Math.hypot(...values);
      if (!(share < 1e-2)) throw new Error(`step ${s}, ${path || 'loss'}: the bound is ${share} of the value`);
    }
}

/** @returns the largest distance/bound, and what was wrong in words, worst first */
export function compareTraining(got: readonly TrainingStep[], expected: Expected): { ratio: number; faults: string[] } {
  const found: { ratio: number; text: string }[] = [];
  for (const [s, want] of expected.steps.entries()) {
    const step = got[s];
    if (step?.phase !== want.phase) {
      found.push({ ratio: Infinity, text: `step ${s} is ${step?.phase ?? 'missing'}, but should be ${want.phase}` });
      continue;
    }
    const computed = parts(step);
    for (const [path, values] of parts(want)) {
      const [mine, bound] = [computed.get(path) ?? [], expected.bounds[s].get(path)!];
      const off = mine.length === values.length ? distance(mine, values) : Infinity;
      const ratio = Number.isNaN(off) ? Infinity : off / bound;
      const name = path === '' ? 'loss' : `update of ${path}`;
      found.push({ ratio, text: `step ${s}: the ${name} is off by ${off}, bound ${bound.toPrecision(2)}` });
    }
  }
  found.sort((a, b) => b.ratio - a.ratio);
  return { ratio: found[0].ratio, faults: found.filter(({ ratio }) => ratio > 1).map(({ text }) => text) };
}

function coins(draw: number): () => boolean {
  const size = 1 << 16;
  let [block, at] = [0, size];
  let drawn: Float64Array = new Float64Array();
  return () => {
    if (at === size) {
      drawn = uniform(foldIn(key(draw), block++), size);
      at = 0;
    }
    return drawn[at++] < 0.5;
  };
}
