import { compound, gamma } from '../../spec/rounding/model.ts';
import { key, normal, type Tensor } from '../../src/index.ts';
import { ExpertColumns, expertLinears, omoeDefaults, parametersOf } from '../../src/optim/index.ts';
import { beginOrthogonalPhase, type LinearState } from '../../src/optim/linear-state.ts';
import { project } from '../../src/optim/protect.ts';
import { type Case, dimensions, u } from '../case.ts';
import { drawStep, type Step, step } from './moe-step.ts';

/**
 * What the host does once for 50 orthogonal steps: the projectors of both linears of a layer, from the columns that 8 experts have
 * recorded, and their upload. Sizes are width × columns of each expert. Beside it one training step by AdamW of the same layer, so
 * that the ratio is how many steps a phase's beginning is worth; 50 columns is what 50 accumulating steps record.
 */
interface Inputs extends Step {
  readonly linears: readonly { readonly state: LinearState; readonly weight: Tensor }[];
}

const options = omoeDefaults; // output side, mean
const experts = 8;

/** Three rows of ones and less, through every projector: [expert, row, out]. */
const probe = (weight: Tensor): Tensor =>
  weight.engine.normal(key(5), [experts, 3, weight.shape[2]]).multiply(1 / Math.sqrt(weight.shape[2]));

const begun = ({ state, weight }: Inputs['linears'][number]) =>
  beginOrthogonalPhase(state, [], weight, options, key(9)).projectors!.q;

export const phaseStart: Case<Inputs> = {
  name: 'omoe-phase-start',
  kind: 'step',
  sizes: ['128x4', '128x50', '256x4', '256x50'],
  quick: '32x2',
  title(size) {
    const [width, columns] = dimensions(size);
    return `start of an orthogonal phase: 8 experts of ${columns} columns, ${width} → ${4 * width}`;
  },
  inputs(t, size) {
    const [width, columns] = dimensions(size);
    const drawn = drawStep(t, { tokens: 1024, width, hidden: 4 * width, experts });
    const parameters = parametersOf(drawn.layer);
    const linears = expertLinears([...parameters.keys()].map((path) => `moe.${path}`)).map((paths, l) => {
      const weight = parameters.get(paths.weight.slice('moe.'.length))!;
      const recorded = Array.from({ length: experts }, (_, e) => {
        const expert = new ExpertColumns(weight.shape[2], options.sketch);
        for (let c = 0; c < columns; c++) expert.add(normal(key(1e4 * l + 100 * e + c), weight.shape[2]));
        return expert;
      });
      return { weight, state: { start: null, pending: [], columns: recorded, projectors: null } };
    });
    return { ...drawn, linears };
  },
  run: ({ linears }) => linears.map((linear) => project(begun(linear), probe(linear.weight), 'output')),
  // x − (xV)Vᵀ: V is rounded twice in the product, its sums add γ_out and γ_rank; a dense Q likewise; the drawn x is rounded too.
  bounds: ({ linears }) =>
    linears.map((linear) => {
      const q = begun(linear);
      const x = probe(linear.weight).abs();
      const [size, rank] = 'factor' in q ? q.factor.shape.slice(1) : q.dense.shape.slice(1);
      const through =
        'factor' in q ? x.matmul(q.factor.abs()).matmul(q.factor.abs().transpose()) : x.matmul(q.dense.abs());
      return through.add(x).multiply(compound(gamma(size, u), gamma(rank, u), 6 * u));
    }),
  baseline: { name: 'AdamW', run: step },
};
