import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DTypeError, ShapeError, UsageError } from '../errors.ts';
import { feedForward, initFeedForward } from '../nn/feed-forward.ts';
import { key } from '../random.ts';
import { expectRefusal, type Refusal } from '../refusals.fixture.ts';
import { everyExpert } from './experts.ts';
import { topKGate } from './gate.ts';
import { routerZ, topKBalance } from './losses.ts';
import { type MoEParameters, moe } from './moe.ts';
import { upcycle, upcycleError } from './upcycle.ts';

/** Bad input of the layers: which error, which operation it names, and what its message has to mention. */

const t = engine(cpu());
const dense = initFeedForward(t, key(1), 3, 6);
const parameters = upcycle(dense, { experts: 4, key: key(2) });
const [x, z] = [t.zeros([5, 3]), t.zeros([5, 4])];
const gate = topKGate(z, { k: 2 });
/** What a JavaScript caller may hand over, whatever the type says. */
const given = (value: unknown): never => value as never;
const withFc1 = (change: Partial<MoEParameters['fc1']>) => ({ ...parameters, fc1: { ...parameters.fc1, ...change } });
const withFc2 = (change: Partial<MoEParameters['fc2']>) => ({ ...parameters, fc2: { ...parameters.fc2, ...change } });
const run = (changed: MoEParameters) => () => moe(x, changed, { k: 2 });

const table: readonly Refusal[] = [
  ['topKGate', UsageError, () => topKGate(z, { k: z.shape[1] + 1 }), ['k = ', `from 1 to ${z.shape[1]}`]],
  ['topKGate', UsageError, () => topKGate(t.zeros([2, 0]), { k: 1 }), ['at least one expert']],
  ['topKGate', DTypeError, () => topKGate(z, { k: 1, mask: t.ones([5]) }), ['mask float32[5]', 'bool']],
  ['topKGate', ShapeError, () => topKGate(z, { k: 1, mask: t.ones([1], 'bool') }), ['mask bool[1]', 'bool[5]']],
  ['topKGate', ShapeError, () => topKGate(z, { k: 1, mask: t.ones([5, 1], 'bool') }), ['bool[5, 1]']],
  ['topKGate', UsageError, () => topKGate(z, { k: 1, mask: given([true]) }), ['an array as mask']],
  ['topKGate', UsageError, () => topKGate(z, given(undefined)), ['undefined as options']],
  ['topKGate', DTypeError, () => topKGate(t.zeros([5, 4], 'int32'), { k: 1 }), ['int32[5, 4]']],
  ['topKBalance', ShapeError, () => topKBalance(gate, t.ones([1], 'bool')), ['mask bool[1]']],
  ['routerZ', DTypeError, () => routerZ(gate, t.ones([5])), ['mask float32[5]']],
  ['moe', UsageError, () => moe(x, parameters, given(undefined)), ['undefined as options']],
  ['moe', UsageError, () => moe(x, parameters, { k: 1, activation: given('tahn') }), ['tahn', 'gelu']],
  ['moe', UsageError, () => moe(given(3), parameters, { k: 1 }), ['number 3 as x']],
  ['moe', DTypeError, () => moe(t.zeros([5, 3], 'int32'), parameters, { k: 1 }), ['int32[5, 3]']],
  ['moe', DTypeError, () => moe(t.zeros([5, 3], 'float64'), parameters, { k: 1 }), ['router.weight float32[3, 4]']],
  ['moe', UsageError, run(given({ ...parameters, router: {} })), ['undefined as router.weight']],
  ['moe', UsageError, run(given(undefined)), ['undefined as router.weight']],
  ['moe', ShapeError, run({ ...parameters, router: { weight: t.zeros([2, 4]) } }), ['router.weight', '[3, 4]']],
  ['moe', ShapeError, run(withFc1({ weight: t.zeros([3, 6]) })), ['fc1.weight float32[3, 6]', 'hidden']],
  ['moe', ShapeError, run(withFc1({ weight: t.zeros([4, 3, 5]) })), ['fc1.bias float32[4, 6]', '[4, 5]']],
  ['moe', ShapeError, run(withFc1({ bias: t.zeros([1, 6]) })), ['fc1.bias float32[1, 6]']],
  ['moe', ShapeError, run(withFc1({ bias: t.zeros([6]) })), ['fc1.bias float32[6]']],
  ['moe', DTypeError, run(withFc1({ bias: t.zeros([4, 6], 'float64') })), ['fc1.bias float64', 'float32[4, 6]']],
  ['moe', ShapeError, run(withFc2({ weight: t.zeros([4, 5, 3]) })), ['fc2.weight float32[4, 5, 3]', '[4, 6, 3]']],
  ['moe', ShapeError, run(withFc2({ bias: t.zeros([3, 3]) })), ['fc2.bias float32[3, 3]', '[4, 3]']],
  ['moe', DTypeError, run(withFc2({ weight: t.zeros([4, 6, 3], 'float64') })), ['fc2.weight float64']],
  ['everyExpert', UsageError, () => everyExpert(x, parameters, given('copy')), ['copy']],
  ['feedForward', UsageError, () => feedForward(x, dense, given('toString')), ['toString']],
  ['upcycle', UsageError, () => upcycle(dense, { experts: 1.5, key: key(0) }), ['experts 1.5']],
  ['upcycle', UsageError, () => upcycle(dense, { experts: 2, key: key(0), noise: -1 }), ['received noise -1']],
  ['upcycle', UsageError, () => upcycle(dense, given(4)), ['number 4']],
  ['upcycleError', ShapeError, () => upcycleError(x, dense, x, 'gelu', t.ones([1], 'bool')), ['mask bool[1]']],
];

describe('the layers refuse', () => {
  it.each(table)('%s: %o %s', expectRefusal);
});

describe('a mask that fits', () => {
  it('leaves padding without expert and weight', async () => {
    const { chosen, gates } = topKGate(z, { k: 1, mask: t.tensor(Uint8Array.of(1, 0, 1, 1, 0), [5], 'bool') });
    expect([...(await chosen.data())]).toEqual([0, -1, 0, 0, -1]);
    expect((await gates.data())[1]).toBe(0);
  });
});
