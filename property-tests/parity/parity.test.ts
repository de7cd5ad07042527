import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { wasm } from '../../backends/wasm/index.ts';
import { REFERENCE_ULPS, type Ulps, UNIT_ROUNDOFF } from '../../spec/rounding/model.ts';
import type { Backend } from '../../src/backend.ts';
import { type Engine, engine } from '../../src/engine.ts';
import type { LoadedModel } from '../../src/models/folder.ts';
import { buildTree } from '../../src/models/parameters.ts';
import type { Tensor } from '../../src/tensor.ts';
import { byPath } from '../../src/tree.ts';
import { claimWithin } from '../kit/method.ts';
import { type Case, casesOf, headsOf, load, names, outputsOf, stepsOf } from './checkpoint.ts';
import { growth, type HostTree } from './growth.ts';

/**
 * Our encoders against the ones of `transformers`, which computed in Float64 from the same Float32 weights.
 *
 * An output may be off by what rounding can have done to ours and to theirs, as growth.ts derives it number by number (of
 * PyTorch that grants the accuracy of our own reference). Such a bound grows some four hundredfold with each block, as it
 * supposes the worst everywhere, until it says nothing after six; so every step is also taken by itself, from the state that transformers had before it.
 */
async function hostTree(name: string): Promise<HostTree> {
  const t = engine(cpu(), { dtype: 'float64' });
  const { parameters, config, parts } = await load(t, name);
  const tensors = byPath(parameters);
  return buildTree(config, parts, (path) => Float64Array.from(t.dataSync(tensors.get(path))));
}

type FloatType = 'float32' | 'float64';
const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  cpu: async () => cpu() as unknown as Backend,
  wasm: async () => (await wasm({ threads: 1 })) as unknown as Backend,
};

async function claimAgreement(
  name: string,
  backend: string,
  dtype: FloatType,
  compute: (t: Engine, model: LoadedModel, batch: Case) => ReadonlyMap<string, Tensor>,
  oneStep: boolean,
): Promise<void> {
  const t = engine(await backends[backend](), { dtype });
  const model = await load(t, name);
  const tree = await hostTree(name);
  for (const batch of await casesOf(name)) {
    const bound = (u: number, ulps: Ulps) =>
      growth(tree, batch, model.config, headsOf[name], { u, ulps }, oneStep ? batch.expected : null);
    const theirs = bound(UNIT_ROUNDOFF.float64, REFERENCE_ULPS);
    const ours = bound(UNIT_ROUNDOFF[dtype], t.backend.ulps);
    const outputs = compute(t, model, batch);
    expect(batch.expected.size).toBeGreaterThan(1);
    for (const [key, expected] of batch.expected) {
      const allowed = theirs.get(key)!.error.map((error, i) => error + ours.get(key)!.error[i]);
      claimWithin(await outputs.get(key)!.data(), expected, allowed, `${name} ${batch.name} ${key}`);
    }
  }
  await t.backend.dispose();
}

describe.each(names)('%s', (name) => {
  const head = headsOf[name];
  it.each([
    ['cpu', 'float64'],
    ['cpu', 'float32'],
    ['wasm', 'float64'],
    ['wasm', 'float32'],
  ] as const)('agrees with transformers step by step on %s in %s', (backend, dtype) =>
    claimAgreement(name, backend, dtype, (t, model, batch) => stepsOf(t, model, head, batch), true),
  );
  it('agrees with transformers from end to end', () =>
    claimAgreement(name, 'cpu', 'float64', (t, model, batch) => outputsOf(t, model, head, batch), false));
});
