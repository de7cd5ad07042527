import { describe, expect, it } from 'vitest';
import { caseOf, cases } from './cases/index.ts';
import { workOf } from './work.ts';

const all = { sizes: null, quick: false, seed: 1 };
const [matmul, skinny] = [caseOf('matmul'), caseOf('matmul-skinny')];

describe('what is run', () => {
  it('is each case at each size on each device, in the order of the seed', () => {
    const { items } = workOf({ ...all, cases: [matmul] }, ['wasm-1', 'wasm']);
    expect(items).toHaveLength(2 * matmul.sizes.length);
    expect(new Set(items.map(({ size, device }) => `${size} ${device}`)).size).toBe(items.length);
    expect(workOf({ ...all, cases: [matmul] }, ['wasm-1', 'wasm']).items).toEqual(items);
    expect(workOf({ ...all, cases: [matmul], seed: 2 }, ['wasm-1', 'wasm']).items).not.toEqual(items);
  });
  it('leaves out what takes minutes, and says so, unless its size is named', () => {
    const { items, leftOut } = workOf({ ...all, cases: [matmul] }, ['cpu', 'wasm']);
    expect(leftOut.map(({ size, device }) => `${size} ${device}`)).toEqual(['1024 cpu']);
    expect(items).toHaveLength(2 * matmul.sizes.length - 1);
    expect(workOf({ ...all, cases: [matmul], sizes: [1024] }, ['cpu']).items).toHaveLength(1);
  });
  it('gives a named size to the cases that take as many numbers', () => {
    const named = workOf({ ...all, cases: [matmul, skinny], sizes: [64, '8x8x8'] }, ['wasm']).items;
    expect(named.map(({ of, size }) => `${of.name} ${size}`).sort()).toEqual(['matmul 64', 'matmul-skinny 8x8x8']);
  });
  it('is every case once, at a small size, with quick', () => {
    const { items, leftOut } = workOf({ ...all, cases, quick: true }, ['cpu']);
    expect(items.map(({ of }) => of.name).sort()).toEqual(cases.map(({ name }) => name).sort());
    expect(leftOut).toEqual([]);
    expect(
      items.every(({ of, size }) => !of.title(size).includes('NaN') && !of.title(size).includes('undefined')),
    ).toBe(true);
  });
});
