import fc from 'fast-check';
import type { Engine } from '../../src/engine.ts';
import type { Tensor } from '../../src/tensor.ts';
import { firstDifference } from '../kit/compare.ts';
import { holds } from '../kit/settings.ts';
import { type Law, state } from './law.ts';

/**
 * Issue order. A program of uploads, kernels, reads and frees is issued without waiting for anything; then all its reads are
 * awaited. Each must have seen the kernels issued before it and none after, whatever has been freed or made since. Its
 * numbers are whole and small, so that everything is exact.
 */

const width = 4;
const kinds = [
  'upload',
  'add',
  'negative',
  'maximum',
  'reversed copy',
  'read',
  'read',
  'reversed read',
  'free',
] as const;

interface Step {
  readonly kind: (typeof kinds)[number];
  /** Which of the live tensors it is about, counted round. */
  readonly first: number;
  readonly second: number;
  readonly values: readonly number[];
}

// 8 · 2¹⁶ < 2²⁴: sums of sums stay exact in either precision
const programs: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    first: fc.nat(7),
    second: fc.nat(7),
    values: fc.array(fc.integer({ min: -8, max: 8 }), { minLength: width, maxLength: width }),
  }),
  { minLength: 2, maxLength: 16 },
);

interface Held {
  readonly tensor: Tensor;
  readonly values: readonly number[];
}
interface Read {
  readonly step: number;
  readonly promise: Promise<ArrayLike<number>>;
  readonly expected: readonly number[];
}

/** Issues all steps in one go; nothing is awaited. */
function issue(t: Engine, program: readonly Step[]): Read[] {
  const upload = (values: readonly number[]): Held => ({ tensor: t.tensor([...values], [width]), values });
  const live: Held[] = [upload([1, 2, 3, 4])];
  const reads: Read[] = [];
  program.forEach(({ kind, first, second, values }, step) => {
    const [a, b] = [live[first % live.length], live[second % live.length]];
    const made = (tensor: Tensor, of: (i: number) => number): Held => ({
      tensor,
      values: a.values.map((_, i) => of(i)),
    });
    const last = width - 1;
    if (kind === 'upload') live.push(upload(values));
    if (kind === 'add') live.push(made(a.tensor.add(b.tensor), (i) => a.values[i] + b.values[i]));
    if (kind === 'negative') live.push(made(a.tensor.negative(), (i) => 0 - a.values[i]));
    if (kind === 'maximum') live.push(made(a.tensor.maximum(b.tensor), (i) => Math.max(a.values[i], b.values[i])));
    if (kind === 'reversed copy') live.push(made(a.tensor.flip(0).copy(), (i) => a.values[last - i]));
    if (kind === 'read') reads.push({ step, promise: a.tensor.data(), expected: a.values });
    if (kind === 'reversed read')
      reads.push({ step, promise: a.tensor.flip(0).data(), expected: [...a.values].reverse() });
    if (kind === 'free' && live.length > 1) {
      live.splice(live.indexOf(a), 1);
      t.free(a.tensor);
    }
  });
  return reads;
}

const describeProgram = (program: readonly Step[]): string =>
  program.map(({ kind, first, second, values }, i) => `  ${i}: ${kind} ${first} ${second} [${values}]`).join('\n');

const concurrentReads: Law = {
  name: 'issue order: a read sees what was issued before it, and nothing that was issued or freed after',
  async hold(subject, settings) {
    const t = subject.engine();
    await holds(this.name, { ...settings, runs: 3 * settings.runs }, programs, async (program) => {
      const reads = issue(t, program);
      // The last read is awaited first: order of waiting is not order of issue.
      for (const { step, promise, expected } of [...reads].reverse()) {
        const wanted = t.dtype === 'float32' ? Float32Array.from(expected) : Float64Array.from(expected);
        const values = Array.from(await promise, (x) => x + 0);
        const difference = firstDifference(Float64Array.from(values), Float64Array.from(wanted), [width]);
        state(difference === null, () => `the read of step ${step}: ${difference}\n${describeProgram(program)}`);
      }
    });
  },
};

/** A region may end before the reads that were issued in it. */
const readsOutliveRegions: Law = {
  name: 'issue order: a region disposed while its reads are pending does not change what they see',
  async hold(subject, settings) {
    const t = subject.engine();
    const numbers = fc.array(fc.integer({ min: -8, max: 8 }), { minLength: width, maxLength: width });
    await holds(this.name, settings, fc.tuple(numbers, numbers), async ([a, b]) => {
      const region = t.region();
      const sum = region.tensor(a, [width]).add(region.tensor(b, [width]));
      const pending = sum.data();
      region.dispose();
      // Whatever was freed may be used again at once.
      const other = t.tensor([7, 7, 7, 7], [width]).multiply(t.tensor(a, [width]));
      const [seen, after] = [await pending, await other.data()];
      state(
        a.every((x, i) => seen[i] === x + b[i] && after[i] === 7 * x),
        () => `[${a}] + [${b}] is read as [${seen}], and 7 · [${a}] as [${after}]`,
      );
    });
  },
};

export const orderLaws: readonly Law[] = [concurrentReads, readsOutliveRegions];
