import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { folded, heldOutShare, splitHeldOut } from './held-out.ts';

const texts = (row: readonly string[]): readonly string[] => row;
const letters = 'abcdefghijklmnopqrst'.split('');
// Few texts, so that rows share them often and chains come about.
const rows = fc.array(fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength: 2 }), { maxLength: 40 });

describe('holding out', () => {
  it('never has a text on both sides', () => {
    fc.assert(
      fc.property(rows, (all) => {
        const { train, heldOut } = splitHeldOut(all, texts);
        const trained = new Set(train.flat());
        expect(heldOut.flat().filter((text) => trained.has(text))).toEqual([]);
        expect([...train, ...heldOut].sort()).toEqual([...all].sort());
      }),
    );
  });

  it('keeps the order of the rows, and does not look at their places', () => {
    fc.assert(
      fc.property(rows, fc.infiniteStream(fc.nat()), (all, keys) => {
        const { train, heldOut } = splitHeldOut(all, texts);
        const isIn = (part: readonly unknown[]) => (row: unknown) => part.includes(row);
        expect(all.filter(isIn(train))).toEqual(train);
        expect(all.filter(isIn(heldOut))).toEqual(heldOut);
        const shuffled = all
          .map((row) => ({ row, order: keys.next().value as number }))
          .sort((a, b) => a.order - b.order)
          .map(({ row }) => row);
        const again = splitHeldOut(shuffled, texts);
        expect([...again.heldOut].sort()).toEqual([...heldOut].sort());
      }),
    );
  });

  it('splits single texts alike whatever else is in the file', () => {
    const all = Array.from({ length: 200 }, (_, i) => [`passage ${i}`]);
    const half = all.filter((_, i) => i % 2 === 0);
    const whole = new Set(splitHeldOut(all, texts).heldOut);
    expect(splitHeldOut(half, texts).heldOut).toEqual(half.filter((row) => whole.has(row)));
  });

  it('holds out the stated share', () => {
    const n = 5000;
    const { heldOut } = splitHeldOut(
      Array.from({ length: n }, (_, i) => [`text ${i}`]),
      texts,
    );
    // Binomial: six standard deviations.
    const deviation = Math.sqrt(n * heldOutShare * (1 - heldOutShare));
    expect(Math.abs(heldOut.length - n * heldOutShare)).toBeLessThanOrEqual(6 * deviation);
  });

  it('keeps texts together that differ by case, accents, signs or spaces, and splits the others as before', () => {
    const singles = Array.from({ length: 100 }, (_, i) => [`Text ${i}`]);
    const twins = Array.from({ length: 100 }, (_, i) => [`téxt  ${i}?`]);
    const { train, heldOut } = splitHeldOut([...singles, ...twins], texts);
    const trained = new Set(train.flat().map(folded));
    expect(heldOut.flat().filter((text) => trained.has(folded(text)))).toEqual([]);
    const alone = splitHeldOut(singles, texts).heldOut;
    expect(heldOut.filter(([text]) => text.startsWith('Text'))).toEqual(alone);
    expect([alone.length > 0, heldOut.length]).toEqual([true, 2 * alone.length]);
    expect([folded('Où  est-il ?'), folded('?!'), folded('')]).toEqual(['ouestil', '?!', '']);
  });

  it('follows long chains', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => [`t${i}`, `t${i + 1}`]);
    const { train, heldOut } = splitHeldOut(chain, texts);
    expect([train.length, heldOut.length].sort((a, b) => a - b)).toEqual([0, 20_000]);
  });
});
