import { type Engine, key, normal, readTogether, type Tensor } from '../../src/index.ts';
import { type MoEParameters, moe, recordStatistics } from '../../src/moe/index.ts';
import { withBiasRow } from '../../src/ops/orthogonal-update.ts';
import {
  type AdamWState,
  adamw,
  ExpertColumns,
  expertLinears,
  type OmoeOptimizer,
  type OmoeOptions,
  type OmoeState,
  omoe,
  type Parameters,
} from '../../src/optim/index.ts';
import { beginOrthogonalPhase, noColumns } from '../../src/optim/linear-state.ts';
import { parametersOf } from '../../src/optim/optimizer.ts';
import { pendingNumber } from '../../src/pending.ts';
import { type Case, dimensions, type Size } from '../case.ts';
import { drawLayer, type Layer, lossBound, lossOf, rate, stepFlops } from './moe-step.ts';
import { k } from './routing.ts';

/**
 * A step of OMoE beside one of AdamW alone, on the same layer of 8 experts and 1,024 tokens. Sizes are width × m, m the columns
 * that the others of an expert have recorded together, which are those of its projector's factor; the
 * projectors are there already, as they are built once a phase. The reports of a step, computed only when asked for, are not.
 */

interface Inputs extends Layer {
  readonly optimizer: OmoeOptimizer<AdamWState>;
  readonly state: OmoeState<AdamWState>;
  readonly alone: AdamWState;
}
type Phase = 'accumulate' | 'orthogonal';

const base = adamw();
/** By the paths that the optimizer knows expert linears by. */
const pathsOf = (layer: MoEParameters): Parameters => parametersOf({ moe: layer });

function omoeCase(phase: Phase, side: OmoeOptions['side']): Case<Inputs> {
  const widthOf = (size: Size): [number, number] => {
    const [width, columns = 32] = dimensions(size);
    return [width, columns];
  };
  return {
    name: `omoe-${phase}-${side}`,
    kind: 'step',
    sizes: phase === 'accumulate' ? [128, 256] : ['128x8', '128x32', '128x64', '256x32', '768x32'],
    quick: '32x4',
    title(size) {
      const [width, columns] = widthOf(size);
      const which = phase === 'accumulate' ? 'accumulating' : `orthogonal, ${columns} columns`;
      return `OMoE step, ${side} side, ${which}: 1024 tokens, 8 experts, top-${k}, ${width} → ${4 * width}`;
    },
    flops: (size) => stepFlops({ tokens: 1024, width: widthOf(size)[0], hidden: 4 * widthOf(size)[0] }),
    inputs(t, size) {
      const [width, columns] = widthOf(size);
      const drawn = drawLayer(t, { tokens: 1024, width, hidden: 4 * width, experts: 8 });
      const optimizer = omoe(base, { side, accumulateSteps: 50, orthogonalSteps: 50 });
      const parameters = pathsOf(drawn.layer);
      const state = optimizer.initial(parameters);
      return {
        ...drawn,
        optimizer,
        state: phase === 'accumulate' ? state : orthogonal(t, parameters, { optimizer, state, columns }),
        alone: base.initial(parameters),
      };
    },
    reads: true,
    run: step,
    exact: ({ x, layer }) => [lossOf(x, layer), ...pathsOf(layer).values()],
    /**
     * The projection and what restores its norm never make an expert's update longer than AdamW's, whose entries are at most
     * η(1 + λ|θ|) in the first step: so no entry moves by more than η√n(1 + λ max|θ|), n the entries of [W; b]; twice that, as the
     * norms of millions of entries are rounded themselves.
     */
    bounds: (inputs, ulps) => [
      lossBound(inputs, ulps),
      ...[...pathsOf(inputs.layer).values()].map((theta) => {
        const entries = theta.rank === 3 ? (theta.shape[1] + 1) * theta.shape[2] : inputs.layer.fc1.weight.size;
        const longest = 2 * Math.sqrt(entries);
        return theta
          .abs()
          .max()
          .multiply(0.01)
          .add(1)
          .multiply(rate * longest)
          .broadcastTo(theta.shape);
      }),
    ],
    baseline: { name: 'AdamW', run: alone },
  };
}

/** Loss, gradients and what the optimizer wants recorded: one forward pass and one backward. */
function differentiated({ x, layer }: Layer, optimizer: OmoeOptimizer<AdamWState>, state: OmoeState<AdamWState>) {
  const recording = optimizer.recording(state);
  const run = x.engine.valueAuxAndGrad((watched: MoEParameters) => {
    const { output, flow, plan } = moe(x, watched, { k });
    return [output.square().mean(), recording ? recordStatistics(flow, plan, recording) : {}] as const;
  });
  const { value, aux, gradients } = run(layer);
  const records = new Map(Object.entries(aux).flatMap(([name, r]) => (r ? [[`moe.${name}`, r] as const] : [])));
  return { loss: value, records, gradients: pathsOf(gradients) };
}

async function step({ x, layer, optimizer, state }: Inputs): Promise<readonly Tensor[]> {
  const { loss, records, gradients } = differentiated({ x, layer }, optimizer, state);
  const parameters = pathsOf(layer);
  const result = await optimizer.step({ parameters, gradients, state, learningRate: rate, records });
  const next = [...parameters].map(([path, theta]) => theta.add(result.updates.get(path)!));
  await readTogether(pendingNumber(loss)); // as the training loop does
  return [loss, ...next];
}

async function alone({ x, layer, optimizer, state, alone: rest }: Inputs): Promise<readonly Tensor[]> {
  const { loss, gradients } = differentiated({ x, layer }, optimizer, { ...state, step: 50 }); // records nothing
  const parameters = pathsOf(layer);
  const { updates } = base.step({ parameters, gradients, state: rest, learningRate: rate });
  const next = [...parameters].map(([path, theta]) => theta.add(updates.get(path)!));
  await readTogether(pendingNumber(loss));
  return [loss, ...next];
}

/** The state after an accumulating phase that left `columns` random columns an expert matrix, projectors built. */
function orthogonal(
  t: Engine,
  parameters: Parameters,
  given: { optimizer: OmoeOptimizer<AdamWState>; state: OmoeState<AdamWState>; columns: number },
): OmoeState<AdamWState> {
  const { optimizer, state, columns } = given;
  const { options } = optimizer;
  const linears = expertLinears(parameters.keys()).map(({ name, weight, bias }, l) => {
    const matrix = parameters.get(weight)!;
    const old = state.linears.get(name)!;
    if (options.side === 'update') {
      const moved = withBiasRow({ weight: matrix, bias: parameters.get(bias)! });
      return [name, { ...old, start: moved.subtract(t.normal(key(20 + l), moved.shape, { sd: 0.01 })) }] as const;
    }
    const fresh = noColumns(matrix, options);
    // Spread evenly so that the seven others of an expert have m between them, give or take one.
    const all = Math.floor((columns * fresh.length) / (fresh.length - 1));
    const recorded = fresh.map(({ rows, cap }, e) => {
      const expert = new ExpertColumns(rows, cap);
      const own = Math.floor(all / fresh.length) + (e < all % fresh.length ? 1 : 0);
      for (let c = 0; c < own; c++) expert.add(normal(key(1000 * l + 100 * e + c), rows));
      return expert;
    });
    return [name, beginOrthogonalPhase({ ...old, columns: recorded }, [], matrix, options, key(9))] as const;
  });
  return { ...state, step: options.accumulateSteps, linears: new Map(linears) };
}

const sides = ['output', 'input', 'update'] as const;

export const omoeSteps = [
  ...sides.map((side) => omoeCase('accumulate', side)),
  ...sides.map((side) => omoeCase('orthogonal', side)),
];
