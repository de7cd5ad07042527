import { type Matrix, matrix } from '../../src/linalg/index.ts';
import type { ExpertFlow } from '../../src/moe/index.ts';
import { type Dispatch, recordStatistics } from '../../src/moe/index.ts';
import {
  applyUpdates,
  type BaseOptimizer,
  type LinearReport,
  type OmoeOptions,
  type Parameters,
  parametersOf,
} from '../../src/optim/index.ts';
import { readTogether } from '../../src/pending.ts';
import type { Key } from '../../src/random.ts';
import type { Tensor } from '../../src/tensor.ts';
import { mapTree } from '../../src/tree.ts';
import type { BaseName, DrawnTraining } from '../arbitraries/columns.ts';
import { upload, uploadLayer } from '../arbitraries/experts.ts';
import type { Method, MethodSubject } from './method.ts';

/** A training of one layer, step by step, with all that a law may want to know of each step, on the host in Float64. */

/** One expert linear in one step. Lists are over experts; matrices are [W; b], [in + 1, out]. */
export interface LinearStep {
  readonly linear: string;
  readonly layer: 'fc1' | 'fc2';
  /** Before the step. */
  readonly matrices: readonly Matrix[];
  readonly start: readonly Matrix[];
  /** What was applied. */
  readonly updates: readonly Matrix[];
  /** What the base optimizer alone would have done from the same state. */
  readonly base: readonly Matrix[];
  /** The columns recorded up to this step as the options say, one list an expert; null on the update side. */
  readonly columns: readonly Matrix[] | null;
  /** Null in accumulating steps, and where `layers` leaves the linear out. */
  readonly report: LinearReport | null;
}

export interface TrainedStep {
  readonly phase: 'accumulate' | 'orthogonal';
  readonly linears: readonly LinearStep[];
}

export interface Trained {
  readonly steps: readonly TrainedStep[];
  /** After the last step. */
  readonly parameters: Parameters;
}

const decay = 0.125;

/** The base optimizers of the laws, weight decay on unless told otherwise. */
export function baseOf(method: Method, name: BaseName, weightDecay = decay): BaseOptimizer<unknown> {
  if (name === 'adamw') return method.adamw({ weightDecay, epsilon: 1e-8 }) as BaseOptimizer<unknown>;
  const momentum = name === 'sgd' ? 0 : 0.5;
  return method.sgd({ momentum, nesterov: name === 'nesterov', weightDecay }) as BaseOptimizer<unknown>;
}

/** Loss and gradients of one batch, and what passed through the experts. The loss is Σ slope · y, of known slope everywhere. */
function gradientsOf(
  { t, method }: MethodSubject,
  tree: ReturnType<typeof uploadLayer>,
  { layer }: DrawnTraining,
  batch: DrawnTraining['batches'][number],
) {
  const run = t.valueAuxAndGrad((watched: typeof tree) => {
    const options = { k: layer.k, renormalize: layer.renormalize, mask: upload(t, batch.mask) };
    const { output, flow, plan } = method.moe(upload(t, batch.x), watched, options);
    return [output.multiply(upload(t, batch.slope)).sum(), { flow, plan }] as const;
  });
  const { aux, gradients } = run(tree);
  return { gradients: parametersOf({ moe: gradients }), ...(aux as { flow: ExpertFlow; plan: Dispatch }) };
}

export async function train(
  subject: MethodSubject,
  training: DrawnTraining,
  base: BaseOptimizer<unknown>,
  options: OmoeOptions,
  key?: Key,
): Promise<Trained> {
  const optimizer = subject.method.omoe(base, options, key);
  let tree = uploadLayer(subject.t, training.layer);
  let state = optimizer.initial(parametersOf({ moe: tree }));
  const start = new Map<string, Matrix[]>();
  const seen = new Map<string, Float64Array[][]>();
  const steps: TrainedStep[] = [];
  const length = options.accumulateSteps + options.orthogonalSteps;

  for (const [index, batch] of training.batches.entries()) {
    const parameters = parametersOf({ moe: tree });
    const { gradients, flow, plan } = gradientsOf(subject, tree, training, batch);
    const asked = optimizer.recording(state);
    const named = (recorded: object) => new Map(Object.entries(recorded).map(([name, one]) => [`moe.${name}`, one]));
    const records = asked ? named(subject.method.recordStatistics(flow, plan, asked)) : new Map();
    const given = { parameters, gradients, learningRate: training.learningRate };
    const plain = base.step({ ...given, state: state.base });
    const result = await optimizer.step({ ...given, state, records });
    const [reports] = await readTogether(result.reports);

    const place = index % length;
    if (place === 0 && options.resetEachCycle) seen.clear();
    const linears: LinearStep[] = [];
    for (const layer of ['fc1', 'fc2'] as const) {
      const name = `moe.${layer}`;
      if (!start.has(name)) start.set(name, await matricesOf(parameters, name));
      if (options.side !== 'update' && place < options.accumulateSteps && place % options.updateEvery === 0)
        addColumns(seen, name, await columnsOf(flow, plan, layer, options, training.layer.experts));
      const updates = await matricesOf(result.updates, name);
      linears.push({
        linear: name,
        layer,
        matrices: await matricesOf(parameters, name),
        start: start.get(name)!,
        updates,
        base: await matricesOf(plain.updates, name),
        columns:
          options.side === 'update'
            ? null
            : updates.map((update, e) => asMatrix(sizeOf(update, options), seen.get(name)?.[e] ?? [])),
        report: reports.find((report) => report.linear === name) ?? null,
      });
    }
    steps.push({ phase: place < options.accumulateSteps ? 'accumulate' : 'orthogonal', linears });
    state = result.state;
    const next = applyUpdates(parameters, result.updates);
    tree = mapTree({ moe: tree }, (_, path) => next.get(path)!).moe;
  }
  return { steps, parameters: parametersOf({ moe: tree }) };
}

/** Length of a column: in + 1, in or out. */
const sizeOf = (update: Matrix, { side, bias }: OmoeOptions): number =>
  side === 'output' ? update.cols : update.rows - (bias === 'augment' ? 0 : 1);

/** [W_i; b_i] of each expert. */
export async function matricesOf(parameters: Parameters, linear: string): Promise<Matrix[]> {
  const weight = parameters.get(`${linear}.weight`) as Tensor;
  const [w, b] = await Promise.all([weight.data(), parameters.get(`${linear}.bias`)!.data()]);
  const [experts, input, output] = weight.shape;
  return Array.from({ length: experts }, (_, e) => {
    const data = new Float64Array((input + 1) * output);
    data.set(w.subarray(e * input * output, (e + 1) * input * output));
    data.set(b.subarray(e * output, (e + 1) * output), input * output);
    return matrix(input + 1, output, data);
  });
}

/** The columns of one step as spec/method/statistics.ts defines them, by src's own recording and not by the one under test. */
async function columnsOf(
  flow: ExpertFlow,
  plan: Dispatch,
  layer: 'fc1' | 'fc2',
  options: OmoeOptions,
  experts: number,
): Promise<Float64Array[][]> {
  const { statistic, side } = options;
  const recorded = recordStatistics(flow, plan, {
    side: side === 'update' ? 'input' : side,
    statistic,
    layers: [layer],
  })[layer]!;
  const [values, owners] = await Promise.all([recorded.columns.data(), recorded.owners.data()]);
  const size = recorded.columns.shape[1];
  const augmented = side === 'input' && options.bias === 'augment';
  return Array.from({ length: experts }, (_, e) =>
    [...owners.keys()]
      .filter((row) => (statistic === 'mean' ? row === e && owners[row] > 0 : owners[row] === e))
      .map((row) => Float64Array.from([...values.subarray(row * size, (row + 1) * size), ...(augmented ? [1] : [])])),
  );
}

function addColumns(seen: Map<string, Float64Array[][]>, name: string, added: Float64Array[][]): void {
  const before = seen.get(name) ?? added.map(() => []);
  seen.set(
    name,
    before.map((columns, e) => [...columns, ...added[e]]),
  );
}

function asMatrix(rows: number, columns: readonly Float64Array[]): Matrix {
  const out = new Float64Array(rows * columns.length);
  columns.forEach((column, j) => {
    for (let i = 0; i < rows; i++) out[i * columns.length + j] = column[i];
  });
  return matrix(rows, columns.length, out);
}
