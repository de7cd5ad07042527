import { type Engine, engine, key, type Tensor } from '../../src/index.ts';
import { buildTree } from '../../src/models/parameters.ts';
import { type MoEParameters, moe } from '../../src/moe/index.ts';
import { adamw, applyUpdates, type Parameters } from '../../src/optim/index.ts';
import { type DeviceName, openDevice } from '../devices.ts';
import { encoderBatch, encoderSize, encoderTrainee } from '../encoder.ts';
import { paths as layerPaths, serve } from './serve.mjs';

/** omoe's side: what a user would write, parameters and state kept from step to step. */

interface Spec {
  readonly kind: string;
  /** Of the encoder: layers × width × batch × length. */
  readonly size: string;
  readonly k: number;
  readonly rate: number;
  readonly decay: number;
}

serve<Spec>(async ({ spec, threads, input, shape, output }) => {
  const backend = await openDevice(process.argv[2] as DeviceName, threads);
  const t = engine(backend);
  const tensor = (name: string) => t.tensor(input(name), shape(name));
  const { mode, threads: used } = backend.device;
  const version = `omoe, ${backend.name} ${mode}, ${used} thread${used > 1 ? 's' : ''}`;
  if (spec.kind === 'matmul') {
    const [a, b] = [tensor('a'), tensor('b')];
    output('y', await a.matmul(b).data());
    const call = async () => {
      using step = t.region();
      step.borrow(a).matmul(b);
      await backend.flush();
    };
    return { version, call };
  }

  const paths = spec.kind === 'encoder' ? encoderPaths(spec.size) : layerPaths;
  const optimizer = adamw({ weightDecay: spec.decay });
  const lossOf = spec.kind === 'encoder' ? encoderLoss(spec.size, t, input) : layerLoss(tensor('x'), spec.k);
  const start: Parameters = new Map(paths.map((path) => [path, tensor(path)]));
  let current = { parameters: start, state: optimizer.initial(start) };
  const step = async (look: (gradients: Parameters, next: Parameters, loss: ArrayLike<number>) => Promise<void>) => {
    using region = t.region();
    const { parameters, state } = region.borrow(current);
    const lossAndGradients = region.valueAndGrad(lossOf);
    const [loss, gradients] = lossAndGradients(parameters);
    const stepped = optimizer.step({ parameters, gradients, state, learningRate: spec.rate });
    const next = { parameters: applyUpdates(parameters, stepped.updates), state: stepped.state };
    await look(gradients, next.parameters, await loss.data());
    const kept = region.keep(next);
    t.free(current, { except: kept });
    current = kept;
    await backend.flush();
  };
  await step(async (gradients, next, loss) => {
    output('loss', loss);
    for (const path of paths) {
      output(`gradient.${path}`, await gradients.get(path)!.data());
      output(`next.${path}`, await next.get(path)!.data());
    }
  });
  return { version, call: () => step(async () => {}) };
});

const layerLoss = (x: Tensor, k: number) => (watched: Parameters) =>
  moe(x, layerOf(watched), { k }).output.square().mean();

/** The paths of the encoder's tree, and the tree of tensors at these paths. */
function encoderTree<T>(size: string, leaf: (path: string) => T) {
  const { config, width } = encoderSize(size);
  return buildTree(config, { pooler: true, mlm: false, head: [width, 2] }, leaf);
}

function encoderPaths(size: string): string[] {
  const found: string[] = [];
  encoderTree(size, (path) => found.push(path));
  return found;
}

function encoderLoss(size: string, t: Engine, input: (name: string) => Float32Array) {
  const { config, batch, length } = encoderSize(size);
  const ids = { tokens: t.tensor(Int32Array.from(input('tokens')), [batch, length]) };
  const given = encoderBatch({ ...ids, labels: t.tensor(Int32Array.from(input('labels')), [batch]) });
  const { loss } = encoderTrainee(config);
  return (watched: Parameters) =>
    loss(
      encoderTree(size, (path) => watched.get(path)!),
      given,
      null,
      key(0),
    )[0];
}

const layerOf = (parameters: Parameters): MoEParameters => {
  const linear = (name: string) => ({
    weight: parameters.get(`${name}.weight`)!,
    bias: parameters.get(`${name}.bias`)!,
  });
  return { router: { weight: parameters.get('router.weight')! }, fc1: linear('fc1'), fc2: linear('fc2') };
};
