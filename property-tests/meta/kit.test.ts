import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CpuBuffer, cpu } from '../../backends/cpu/index.ts';
import type { Backend, DType, HostArray, Kernels } from '../../src/backend.ts';
import { OmoeError, UsageError } from '../../src/errors.ts';
import { primitives } from '../../src/ops/index.ts';
import {
  conformance,
  expectClose,
  formatClaims,
  LawBroken,
  type Report,
  runConformance,
  type SuiteOptions,
} from '../index.ts';
import { law, type MethodSubject } from '../kit/method.ts';
import { ClaimFailed, claimAtMost, claimWithin } from '../kit/within.ts';
import { faults } from './faults.ts';

/** The kit itself: what it says of a failure, what skips mean, how it fits runners, and that it accepts what is right. */

const wrong = faults.find(({ name }) => name === 'topK breaks ties to the highest index')!.on.create;
const ties = 'law 10, equals its definition: topK';
const known = { reason: 'ties go to the highest index', link: 'https://example.org/issues/1' };

describe('a failure', () => {
  it('says operation, shapes, strides, the worst index, both values, the bound, and how to see it again', async () => {
    const { laws, passed } = await runConformance({ create: wrong, only: ties, dtypes: ['float32'] });
    const [{ outcome, error }] = laws;
    expect({ outcome, passed }).toEqual({ outcome: 'fail', passed: false });
    expect(error!.message).toMatch(/topK\(k \d+\), output 1: \[[\d, ]+\] is \d+, but should be \d+ within 0/);
    expect(error!.message).toMatch(/x: (float32|int32)\[[\d, ]+\] strides \[[-\d, ]+\] offset \d+/);
    expect(error!.message).toMatch(
      /Again: conformance\(\{ …, only: ".*topK", seed: 1, path: '[\d:]+', dtypes: \['float32'\] \}\)/,
    );
  });

  it('is seen again with the options that it prints, and with a command of the caller’s own', async () => {
    const replay = (law: string, seed: number, path: string, dtype: string) => `again ${law}|${seed}|${path}|${dtype}`;
    const first = await runConformance({ create: wrong, only: ties, dtypes: ['float32'], replay });
    const message = first.laws[0].error!.message;
    const [, law, seed, path] = message.match(/Again: again (.*)\|(.*)\|(.*)\|float32$/)!;
    const again = await runConformance({ create: wrong, only: law, seed: Number(seed), path, dtypes: ['float32'] });
    const counterexample = (text: string) => text.split('\n').slice(1, -1).join('\n');
    expect(counterexample(again.laws[0].error!.message)).toBe(counterexample(message));
  });
});

describe('skips', () => {
  const run = (skip: SuiteOptions['skip'], only = ties): Promise<Report> =>
    runConformance({ create: wrong, only, skip, dtypes: ['float32'] });

  it('take a law out, with reason and link in the report', async () => {
    const { laws, passed, needlessSkips } = await run({ [ties]: known });
    expect(laws[0]).toMatchObject({ outcome: 'skip', ...known });
    expect({ passed, needlessSkips }).toEqual({ passed: true, needlessSkips: [] });
  });
  it('go by operation and by pattern', async () => {
    for (const pattern of ['topK', 'law 10, *: topK', '*topK'])
      expect((await run({ [pattern]: known })).laws[0].outcome).toBe('skip');
  });
  it('that are no longer needed fail', async () => {
    const { laws, passed, needlessSkips } = await run({ '*: sort': known }, 'law 10, equals its definition: sort');
    expect(laws[0].outcome).toBe('pass');
    expect({ passed, needlessSkips }).toEqual({ passed: false, needlessSkips: ['*: sort'] });
  });
  it('need a reason and a link, and have to name a law', async () => {
    await expect(run({ [ties]: { reason: '', link: known.link } })).rejects.toThrow(UsageError);
    await expect(run({ [ties]: { reason: 'because' } as never })).rejects.toThrow('{ reason, link }');
    await expect(run({ 'law 99*': known })).rejects.toThrow("a skip of 'law 99*'");
  });
});

describe('a run that could not fail', () => {
  it('is refused: of no draws, or in no precision that the backend holds', async () => {
    for (const runs of [0, -1, 0.5, Number.NaN])
      await expect(runConformance({ create: cpu, only: ties, runs })).rejects.toThrow(`runs: ${runs}`);
    const float32 = () => ({ ...cpu(), dtypes: ['float32', 'int32', 'bool'] as const });
    await expect(runConformance({ create: float32, only: ties, dtypes: ['float64'] })).rejects.toThrow(
      'received dtypes [float64], expected some of float32',
    );
    await expect(runConformance({ create: cpu, only: ties, dtypes: [] })).rejects.toThrow(UsageError);
  });
});

/** A runner that runs what it is told at once, and hands over a context as vitest and node:test do. */
async function under(options: Partial<SuiteOptions>) {
  const tests: [string, (...given: unknown[]) => Promise<void>][] = [];
  const after: (() => Promise<void>)[] = [];
  const seen: Record<string, string> = {};
  let report = null as Report | null;
  conformance({
    create: cpu,
    describe: (_, body) => body(),
    it: (name, body) => void tests.push([name, body]),
    afterAll: (body) => void after.push(body),
    report: (found) => {
      report = found;
    },
    ...options,
  });
  for (const [name, body] of tests) {
    seen[name] = 'passed';
    const context = { skip: (reason: string) => (seen[name] = `skipped: ${reason}`) };
    await body(context).catch((error: Error) => (seen[name] = `failed: ${error.message}`));
  }
  for (const body of after) await body();
  return { seen, report, lengths: tests.map(([, body]) => body.length) };
}

describe('a runner', () => {
  it('gets one test for each law, in every float dtype, and a report; the backend is disposed', async () => {
    const backends: Backend<CpuBuffer>[] = [];
    const create = async () => {
      backends.push(cpu());
      return backends[0];
    };
    const { seen, report, lengths } = await under({ create, only: 'matmul' });
    expect(Object.values(seen).every((outcome) => outcome === 'passed')).toBe(true);
    expect(new Set(report!.laws.map(({ dtype }) => dtype))).toEqual(new Set(['float32', 'float64']));
    expect(report!.bounds.find(({ operation }) => operation === 'matmul')!.used.definition).toBeGreaterThan(0);
    expect(report!.operations.find(({ operation }) => operation === 'matmul')).toMatchObject({ how: 'native' });
    expect(backends.length).toBe(1);
    expect(() => backends[0].upload(new Float32Array(1), 'float32')).toThrow('disposed');
    // A function with a parameter is given a callback by mocha and jest, and waited for.
    expect(new Set(lengths)).toEqual(new Set([0]));
  });
  it('is told why a law says nothing of the backend, and fails a skip that is not needed', async () => {
    const limits = 'limits: whole numbers beyond limits.integer are refused';
    expect((await under({ only: limits })).seen[limits]).toContain('skipped: it holds every number');
    const needless = await under({ only: 'law 10, equals its definition: sort', skip: { '*: sort': known } });
    expect(needless.seen['every skip is still needed']).toContain('no longer needed');
  });
  it('is refused a report that nothing would call', async () => {
    await expect(under({ afterAll: undefined, only: 'sort' })).rejects.toThrow('report without afterAll');
  });
  it('is refused what is no backend', async () => {
    const { seen } = await under({ create: () => 3 as never, only: 'sort', afterAll: undefined, report: undefined });
    expect(Object.values(seen)[0]).toContain('received 3 from create()');
  });
});

/** Backends that are right in another way than the cpu's. */
const unlike: Readonly<Record<string, () => Backend<CpuBuffer>>> = {
  /** Nine primitives in Float32, 24 bits of whole numbers, no promises; what is wrong with data is told at the read. */
  'primitives alone, with narrow limits and late errors'() {
    const backend = cpu();
    const limits = { elements: 2 ** 20, integer: 2 ** 24 };
    let late = null as Error | null;
    const refuse = (received: string, expected: string): never => {
      throw new OmoeError({ operation: 'upload', received, expected });
    };
    const fits = (size: number) =>
      size <= limits.elements || refuse(`${size} elements`, `at most ${limits.elements} elements`);
    const kernels = Object.fromEntries(
      Object.keys(primitives).map((name) => [
        name,
        (...[inputs, attrs, outputs]: Parameters<Kernels<CpuBuffer>['copy']>) => {
          const size = outputs[0].shape.reduce((product, length) => product * length, 1);
          fits(size);
          const kernel = backend.kernels[name as keyof typeof primitives] as Kernels<CpuBuffer>['copy'];
          const dead = inputs.some(({ buffer }) => buffer.freed);
          try {
            return kernel(inputs, attrs, outputs);
          } catch (error) {
            if (dead) throw error;
            late ??= error as Error;
            return [blank(outputs[0].dtype, size)];
          }
        },
      ]),
    );
    const blank = (dtype: DType, size: number): CpuBuffer =>
      backend.kernels.fill([], { value: 0 }, [{ dtype, shape: [size] }])[0];
    return {
      ...backend,
      ...{ name: 'primitives', limits, dtypes: ['float32', 'int32', 'bool'] },
      promises: { repeatable: false, specialValues: false },
      readSync: undefined,
      upload(data: HostArray, dtype: DType) {
        fits(data.length);
        const large = data instanceof Int32Array && data.find((x) => Math.abs(x) > limits.integer);
        return large ? refuse(`${large}`, `whole numbers up to ${limits.integer}`) : backend.upload(data, dtype);
      },
      async read(...given: Parameters<typeof backend.read>) {
        const error = late;
        late = null;
        if (error) throw error;
        return backend.read(...given);
      },
      kernels: kernels as unknown as Kernels<CpuBuffer>,
    } as Backend<CpuBuffer>;
  },
};

describe('what is right passes', () => {
  for (const [name, create] of Object.entries(unlike))
    it(name, async () => {
      const { laws, operations } = await runConformance({ create, runs: 1 });
      expect(laws.filter(({ outcome }) => outcome === 'fail').map(({ error }) => error!.message)).toEqual([]);
      expect(operations.find(({ operation }) => operation === 'matmul')).toMatchObject({ how: 'composed' });
    });
});

describe('expectClose', () => {
  it('returns the share of the bound, and names the worst index, both values and the bound', () => {
    expect(expectClose([1, 2.5], [1, 2], 1)).toBe(0.5);
    expect(() => expectClose([1, 2.5, 9], [1, 2, 3], [1, 1, 2], 'y')).toThrow(
      'y: [2] is 9, but should be 3 within 2 (off by 3.00 bounds)',
    );
    expect(expectClose([Number.NaN, Infinity], [Number.NaN, Infinity], 0)).toBe(0);
    expect(() => expectClose([Number.NaN], [0], 1)).toThrow('is NaN');
    expect(() => expectClose([1], [1, 2], 1)).toThrow('1 elements, but should be 2');
  });
});

describe('laws of the method', () => {
  it('tell how much of their bounds was used, and how often nothing could be said', async () => {
    const { laws } = await runConformance({ create: cpu, only: 'cycle', dtypes: ['float64'], runs: 8 });
    const [{ used, undecided }] = laws;
    expect(Object.keys(used!)).toEqual(expect.arrayContaining(['updates', 'trace', 'leakage', 'renorm factor']));
    expect(Object.values(used!).every((share) => share >= 0 && share <= 1)).toBe(true);
    expect(used!.updates).toBeGreaterThan(0);
    expect(undecided!.reports).toBeLessThan(0.25);
    expect(formatClaims(laws)).toMatch(/^cycle: .*: updates +float64 +[\d.e-]+ +\d+ %$/m);
  });
  it('do not hold where they leave too much undecided', async () => {
    const every = (n: number, most?: number) =>
      law('half', fc.nat(), (_, k, { decidable }) => void decidable('y', k % n !== 0), most);
    const settings = { runs: 400, seed: 1 };
    const subject = {} as MethodSubject;
    await expect(every(1).hold(subject, settings)).rejects.toThrow(
      "half: 400 of 400 times nothing could be said of 'y'",
    );
    await expect(every(2, 0.1).hold(subject, settings)).rejects.toThrow(LawBroken);
    await every(2, 0.9).hold(subject, settings);
    await every(1).hold(subject, { ...settings, runs: 20 });
  });
});

describe('a bound that is none', () => {
  it('is refused, and lets nothing pass: negative or no number, met or not', () => {
    for (const bound of [-1, Number.NaN]) {
      expect(() => expectClose([1], [0], bound, 'y')).toThrow(`y: received the bound ${bound}, expected a number >= 0`);
      expect(() => expectClose([1, 2], [1, 2], [1, bound])).toThrow(UsageError);
      expect(() => claimWithin([1], [0], bound, 'y')).toThrow(UsageError);
      expect(() => claimWithin([1, 2], [1, 2], [1, bound], 'y')).toThrow(UsageError);
      expect(() => claimWithin([1, 2], [1, 2], [1], 'y')).toThrow(UsageError);
    }
    expect(() => claimAtMost(0, 1, -1, 'y')).toThrow(UsageError);
    for (const [value, limit, slack] of [
      [Number.NaN, 1, 0],
      [0, Number.NaN, 0],
      [0, 1, Number.NaN],
    ])
      expect(() => claimAtMost(value, limit, slack, 'y')).toThrow(ClaimFailed);
  });
  it('beside an infinity or a NaN that is met it is not looked at', () => {
    expect(expectClose([Infinity, Number.NaN], [Infinity, Number.NaN], [Number.NaN, -1])).toBe(0);
  });
});

describe('claims', () => {
  it('say how much of a bound was used', () => {
    expect(claimWithin([1, 2.5], [1, 2], [0, 1], 'y')).toBe(0.5);
    expect(claimAtMost(3, 3, 1, 'y')).toBe(0.75);
    expect(claimAtMost(-3, 0, 0, 'y')).toBe(0);
    expect(() => claimWithin([1, Number.NaN], [1, 2], Infinity, 'y')).toThrow('y: [1] is NaN');
    expect(() => claimWithin([5, 9], [1, 2], 2, 'y')).toThrow(
      'y: [1] is 9, but should be 2 within 2 (off by 3.50 bounds)',
    );
    expect(() => claimWithin([1], [1, 2], 2, 'y')).toThrow('1 numbers against 2');
    expect(() => claimAtMost(5, 3, 1, 'y')).toThrow('y: 5, but should be at most 3 (+ 1 for rounding)');
  });
});
