import { engine } from '../../src/index.ts';
import { type MoEParameters, moe } from '../../src/moe/index.ts';
import { adamw, applyUpdates, type Parameters } from '../../src/optim/index.ts';
import { type DeviceName, openDevice } from '../devices.ts';
import { paths, serve } from './serve.mjs';

/** omoe's side: what a user would write, parameters and state kept from step to step. */

interface Spec {
  readonly kind: string;
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

  const x = tensor('x');
  const optimizer = adamw({ weightDecay: spec.decay });
  const start: Parameters = new Map(paths.map((path) => [path, tensor(path)]));
  let current = { parameters: start, state: optimizer.initial(start) };
  const step = async (look: (gradients: Parameters, next: Parameters, loss: ArrayLike<number>) => Promise<void>) => {
    using region = t.region();
    const { parameters, state } = region.borrow(current);
    const lossAndGradients = region.valueAndGrad((watched: Parameters) =>
      moe(x, layerOf(watched), { k: spec.k }).output.square().mean(),
    );
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

const layerOf = (parameters: Parameters): MoEParameters => {
  const linear = (name: string) => ({
    weight: parameters.get(`${name}.weight`)!,
    bias: parameters.get(`${name}.bias`)!,
  });
  return { router: { weight: parameters.get('router.weight')! }, fc1: linear('fc1'), fc2: linear('fc2') };
};
