import fc from 'fast-check';
import { OmoeError } from '../../src/errors.ts';
import { firstDifference } from '../kit/compare.ts';
import { holds, holdsOnce } from '../kit/settings.ts';
import { type Law, state } from './law.ts';

/** What a backend says of its limits is true: up to them everything is exact, beyond them it is refused by name. */

const int32 = 2 ** 31 - 1;

const integersExact: Law = {
  name: 'limits: whole numbers up to limits.integer are exact',
  async hold(subject, settings) {
    const t = subject.engine();
    const { integer } = t.backend.limits;
    const near = fc.tuple(fc.constantFrom(-1, 1), fc.nat(16)).map(([sign, less]) => sign * (integer - less));
    const element = fc.oneof(near, fc.integer({ min: -integer, max: integer }), fc.integer({ min: -3, max: 3 }));
    await holds(this.name, settings, fc.array(element, { maxLength: 8 }), async (values) => {
      const whole = Int32Array.from(values);
      const x = t.tensor(whole.slice(), [values.length]);
      const towardsZero = whole.map((value) => value - Math.sign(value));
      const results = {
        'read back': [x.data(), whole],
        copied: [x.flip(0).copy().data(), whole.slice().reverse()],
        negated: [x.negative().data(), whole.map((value) => -value)],
        'one nearer to 0': [x.subtract(x.sign()).data(), towardsZero],
        'differs from its neighbour': [
          x.notEqual(t.tensor(towardsZero.slice(), [values.length])).data(),
          Uint8Array.from(whole, (value) => (value === 0 ? 0 : 1)),
        ],
      } as const;
      for (const [what, [seen, wanted]] of Object.entries(results)) {
        const difference = firstDifference(
          (await seen).map((v) => v + 0),
          wanted.map((v) => v + 0),
          whole.length ? [whole.length] : [0],
        );
        state(difference === null, () => `[${values}] ${what}: ${difference}`);
      }
    });
  },
};

/** An error of ours that names the number, at the call or at the read. */
async function refused(what: string, number: number, call: () => unknown): Promise<void> {
  const error: unknown = await (async () => call())().then(
    () => null,
    (reason: unknown) => reason,
  );
  state(error instanceof OmoeError, () => `${what}: ${error === null ? 'was not refused' : `threw ${String(error)}`}`);
  state(error.message.includes(String(number)), () => `${what}: does not mention ${number}: ${error.message}`);
}

const integersRefused: Law = {
  name: 'limits: whole numbers beyond limits.integer are refused',
  notFor: ({ limits }) => (limits.integer >= int32 ? 'it holds every number that an Int32Array can' : null),
  async hold(subject, settings) {
    const t = subject.engine();
    const { integer } = t.backend.limits;
    await holdsOnce(this.name, settings, async () => {
      for (const number of [integer + 1, -integer - 1, int32]) {
        const upload = () => t.tensor(Int32Array.of(0, number), [2]).data();
        await refused(`tensor of ${number}`, number, upload);
      }
      state((await t.tensor(Int32Array.of(5), [1]).data())[0] === 5, () => 'the engine does not work afterwards');
    });
  },
};

const elementsRefused: Law = {
  name: 'limits: a tensor of more elements than limits.elements is refused before anything is allocated',
  async hold(subject, settings) {
    const t = subject.engine();
    const elements = t.backend.limits.elements + 1;
    await holdsOnce(this.name, settings, async () => {
      const before = t.backend.stats();
      const one = t.tensor([1], [1]);
      for (const [what, call] of [
        ['zeros', () => t.zeros([elements]).data()],
        ['full', () => t.full([elements], 1, 'int32').data()],
        ['a broadcast made contiguous', () => one.broadcastTo([elements]).copy().data()],
      ] as const)
        await refused(`${what}([${elements}])`, elements, call);
      const after = t.backend.stats();
      const left = after.bytes - before.bytes;
      state(left < elements, () => `${left} bytes were allocated for it all the same`);
      state((await one.data())[0] === 1, () => 'the engine does not work afterwards');
    });
  },
};

export const limitLaws: readonly Law[] = [integersExact, integersRefused, elementsRefused];
