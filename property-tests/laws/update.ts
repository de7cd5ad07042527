import fc from 'fast-check';
import {
  concatColumns,
  frobeniusNorm,
  type Matrix,
  matrix,
  multiply,
  multiplyLeftTransposed,
  norm,
} from '../../src/linalg/index.ts';
import { type OmoeOptions, ridge } from '../../src/optim/index.ts';
import { key } from '../../src/random.ts';
import { type BaseName, baseNames, drawnOptions, drawnTrainings } from '../arbitraries/columns.ts';
import { type Claims, claim, law, type MethodLaw, type MethodSubject, precisionOf, refuted } from '../kit/method.ts';
import { formingAndApplying, ridgeSlack, singularVectors, singularVectorsOf } from '../kit/projector-rounding.ts';
import { baseOf, type LinearStep, type TrainedStep, train } from '../kit/training.ts';
import { gamma } from '../kit/within.ts';

/** Laws 4 and 5: whole steps of `omoe` on small layers, over two cycles. */

const cases = (given: Partial<OmoeOptions>, bases: readonly BaseName[] = baseNames) =>
  fc.record({ training: drawnTrainings(6), options: drawnOptions(given), base: fc.constantFrom(...bases) });

/**
 * What the working precision adds when Q, made in Float64, is applied, relative to ‖Δ‖; n rows, rank ≤ n.
 * Factored: V is rounded, which moves VVᵀ by 2u‖V‖²_F ≤ 2un; Δ − V(VᵀΔ) carries γ_{2n+1}(1 + ‖V‖²_F).
 * Dense: Q is rounded, u‖Q‖_F ≤ u√n; the product γ_n‖Q‖_F. Both are below
 */
export const applyRounding = (n: number, u: number): number => {
  const roundings = (2 * n + 2) * u;
  return ((n + 1) * roundings) / (1 - roundings) + 4 * n * u;
};

/** Column j of A, as a matrix. */
const columnAt = (a: Matrix, j: number): Matrix =>
  matrix(
    a.rows,
    1,
    Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]),
  );

const others = (columns: readonly Matrix[], i: number): readonly Matrix[] => columns.filter((_, j) => j !== i);

/**
 * ‖Q_i a‖ of a column a of expert j ≠ i, by spec/method/bounds.ts, rounding in Float64 included.
 * `hard` at energy ε leaves Σ_{k>r} σ_k² ≤ (1 − ε)‖A‖²_F, so that σ_{r+1} ≤ √(1 − ε)‖A‖_F whatever r is.
 */
export function protection(columns: readonly Matrix[], i: number, j: number, a: Matrix, options: OmoeOptions): number {
  const [experts, rows] = [columns.length, a.rows];
  const alphaOf = (m: Matrix) => ridge(options.alpha, options.alphaMode, frobeniusNorm(m) ** 2, rows);
  const all = concatColumns(rows, others(columns, i));
  if (options.combine === 'span') return Math.sqrt(alphaOf(all)) / 2 + ridgeSlack(all, alphaOf(all));
  if (options.combine === 'mean') {
    const alpha = alphaOf(columns[j]);
    const widest = Math.max(...columns.map((m) => m.cols));
    const slack = ridgeSlack(columns[j], alpha) + 2 * formingAndApplying(rows, widest + experts) * frobeniusNorm(a);
    return ((experts - 2) * frobeniusNorm(a) + Math.sqrt(alpha) / 2) / (experts - 1) + slack;
  }
  const left = Math.sqrt(1 - options.energy);
  return (left + singularVectorsOf(all) + formingAndApplying(rows, all.cols)) * frobeniusNorm(all);
}

/** Where the bias takes no part in the projection, W alone. */
const projectedPart = (m: Matrix, { side, bias }: OmoeOptions): Matrix =>
  side === 'input' && bias !== 'augment' ? matrix(m.rows - 1, m.cols, m.data.slice(0, (m.rows - 1) * m.cols)) : m;

/** ‖aᵀΔ‖ ≤ factor · ‖Q_i a‖_most · ‖Δ_base‖ (output side: ‖Δa‖), for every column a of another expert. */
function claimProtected(step: LinearStep, options: OmoeOptions, u: number, { claimAtMost }: Claims): void {
  const { report, columns } = step;
  if (!report || !columns) return;
  step.updates.forEach((whole, i) => {
    const [delta, before] = [projectedPart(whole, options), projectedPart(step.base[i], options)];
    const length = frobeniusNorm(before);
    columns.forEach((recorded, j) => {
      if (j === i) return;
      for (let c = 0; c < recorded.cols; c++) {
        const a = columnAt(recorded, c);
        const hit = norm((options.side === 'input' ? multiplyLeftTransposed(a, delta) : multiply(delta, a)).data);
        const left = protection(columns, i, j, a, options) + applyRounding(a.rows, u) * frobeniusNorm(a);
        // The factor is multiplied once more, and our own product has a.rows roundings in Float64.
        const slack = (8 * u + gamma(a.rows + 8)) * frobeniusNorm(a) * frobeniusNorm(delta);
        const limit = report.renormFactor[i] * left * length;
        claimAtMost(hit, limit, slack, `${step.linear}: what moves for column ${c} of expert ${j} as ${i} is updated`);
      }
    });
    // A single expert has nobody to protect, and is the base optimizer's (law 6).
    if (options.side === 'input' && options.bias === 'freeze' && columns.length > 1)
      claim(
        whole.data.slice(-whole.cols).every((x) => x === 0),
        () => `${step.linear}: the frozen bias of expert ${i} moved`,
      );
  });
}

type Case = { training: Parameters<typeof train>[1]; options: OmoeOptions; base: BaseName };

const orthogonal = (steps: readonly TrainedStep[]): LinearStep[] =>
  steps.filter(({ phase }) => phase === 'orthogonal').flatMap(({ linears }) => linears);

async function stepsOf(subject: MethodSubject, { training, options, base }: Case, decay?: number) {
  const { steps } = await train(subject, training, baseOf(subject.method, base, decay), options, key(5));
  return orthogonal(steps);
}

const protects = async (subject: MethodSubject, drawn: Case, claims: Claims, decay?: number): Promise<void> => {
  const { u } = precisionOf(subject);
  for (const step of await stepsOf(subject, drawn, decay)) claimProtected(step, drawn.options, u, claims);
};

const inputSide = law('update: input side leaves the others’ inputs alone', cases({ side: 'input' }), protects);
const outputSide = law('update: output side leaves the others’ outputs alone', cases({ side: 'output' }), protects);

/** With a free bias, [x; 1]ᵀΔ[W; b] = xᵀΔW + Δb: the first part is bounded, the second is not. */
const freeBias = refuted(
  'update: a free bias breaks the input side',
  cases({ side: 'input', bias: 'free', combine: 'span', alpha: 1e-6, alphaMode: 'relative', renorm: false }),
  async (subject, drawn, claims) => {
    const { u } = precisionOf(subject);
    const augmented = { ...drawn.options, bias: 'augment' } as const;
    for (const step of await stepsOf(subject, drawn)) {
      const columns = step.columns!.map((a) => withOnes(a));
      claimProtected({ ...step, columns }, augmented, u, claims);
    }
  },
);

/** [A; 1 … 1]. */
function withOnes(a: Matrix): Matrix {
  const data = new Float64Array((a.rows + 1) * a.cols).fill(1);
  data.set(a.data);
  return matrix(a.rows + 1, a.cols, data);
}

const gradientCases = (base: BaseName) =>
  cases({ project: 'gradient', renorm: false, bias: 'augment', combine: 'span', alpha: 1e-6, alphaMode: 'relative' }, [
    base,
  ]);

/** −η Q g: plain SGD only scales what was projected. */
const gradientOfSgd = law('gradient: plain SGD keeps the update law', gradientCases('sgd'), (s, drawn, claims) =>
  protects(s, drawn, claims, 0),
);

const gradientBroken = (base: BaseName, decay: number, what: string) =>
  refuted(`gradient: ${what} breaks the update law`, gradientCases(base), (s, drawn, claims) =>
    protects(s, drawn, claims, decay),
  );

/**
 * ⟨Δ_i, M_j − M_j,base⟩: the projection in Float64 leaves the rounding of its QR (as in src's own test: unit columns,
 * two passes, columns dropped at n·m·u·√m), the result is rounded to u, the factor once more.
 */
const updateSide = law(
  'update: update side is orthogonal to what each other expert has learnt',
  cases({ side: 'update' }),
  async (subject, drawn, { claimAtMost }) => {
    const { u } = precisionOf(subject);
    for (const step of await stepsOf(subject, drawn)) {
      if (!step.report) continue;
      const learnt = step.matrices.map((m, j) => m.data.map((x, e) => x - step.start[j].data[e]));
      step.updates.forEach((delta, i) => {
        const [n, m] = [delta.data.length, learnt.length];
        const rounding = gamma(4 * m * (n + 10) + 4 * n * m) + n * m * Math.sqrt(m) * 2 ** -53 + 3 * u;
        const length = frobeniusNorm(step.base[i]) * step.report!.renormFactor[i];
        learnt.forEach((move, j) => {
          if (j === i) return;
          const along = move.reduce((sum, x, e) => sum + x * delta.data[e], 0);
          claimAtMost(Math.abs(along), 0, rounding * length * norm(move), `${step.linear}: ⟨Δ_${i}, learnt by ${j}⟩`);
        });
      });
    }
  },
);

/** Rounding of one projection: Q itself (Float64, both factorisations and, if rotated, two more), and its application. */
const projectionSlack = (step: LinearStep, i: number, u: number): number => {
  const { rows, cols } = step.updates[i];
  const n = Math.max(rows, cols);
  const width = (step.columns ?? []).reduce((sum, a) => sum + a.cols, step.updates.length);
  return (
    2 * (formingAndApplying(n, width) + singularVectors(n, width) + 3 * formingAndApplying(n, n)) + applyRounding(n, u)
  );
};

const neverAgainst = law(
  'update: the projected update is not longer than the base update, nor turned against it',
  fc
    .record({
      side: fc.constantFrom<OmoeOptions['side']>('input', 'output', 'update'),
      columns: fc.constantFrom<OmoeOptions['columns']>('others', 'own', 'shared'),
      control: fc.constantFrom<OmoeOptions['control']>('none', 'rotated', 'norm-matched'),
      bias: fc.constantFrom<OmoeOptions['bias']>('augment', 'freeze', 'free'),
    })
    .chain((given) => cases({ ...given, renorm: false })),
  async (subject, drawn, { claimAtMost }) => {
    const { u } = precisionOf(subject);
    for (const step of await stepsOf(subject, drawn)) {
      if (!step.report) continue;
      step.updates.forEach((delta, i) => {
        const length = frobeniusNorm(step.base[i]);
        // On the update side: two passes of Gram–Schmidt and the rounding of the result.
        const slack = projectionSlack(step, i, u) + gamma(8 * delta.data.length * step.updates.length);
        claimAtMost(frobeniusNorm(delta), length, slack * length, `${step.linear}: ‖Δ_projected‖ of expert ${i}`);
        const along = delta.data.reduce((sum, x, e) => sum + x * step.base[i].data[e], 0);
        claimAtMost(-along, 0, slack * length ** 2, `${step.linear}: −⟨Δ_projected, Δ⟩ of expert ${i}`);
      });
    }
  },
);

export const updateLaws: readonly MethodLaw[] = [
  inputSide,
  outputSide,
  updateSide,
  neverAgainst,
  freeBias,
  gradientOfSgd,
  gradientBroken('sgd', 0.125, 'weight decay'),
  gradientBroken('momentum', 0, 'momentum'),
  gradientBroken('nesterov', 0, 'Nesterov momentum'),
  gradientBroken('adamw', 0, 'AdamW'),
];
