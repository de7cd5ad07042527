import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.ts';
import { collate } from './collate.ts';
import type { Example } from './types.ts';

const sequence = (...tokens: number[]) => ({ tokens: Int32Array.from(tokens) });
const example = (tokens: number[], more: Partial<Example> = {}): Example => ({
  ...sequence(...tokens),
  label: 0,
  ...more,
});

describe('collate', () => {
  it('lays segments beside the tokens, cut and padded as they are', () => {
    const pair = example([1, 2, 3, 4], { segments: Uint8Array.of(0, 0, 1, 1) });
    const batch = collate([pair, example([5])], 3, 9);
    expect([...batch.tokens]).toEqual([1, 2, 4, 5, 9, 9]);
    expect([...batch.segments!]).toEqual([0, 0, 1, 0, 0, 0]);
    expect(collate([example([5])], 3, 9).segments).toBeNull();
    expect(() => collate([example([1, 2], { segments: Uint8Array.of(0) })], 3, 9)).toThrow(ShapeError);
  });

  it('flattens choices to rows, example by example', () => {
    const two = (a: number, b: number, label: number) =>
      example([a], { label, choices: [sequence(a), { ...sequence(b, b), segments: Uint8Array.of(0, 1) }] });
    const batch = collate([two(1, 2, 1), two(3, 4, 0)], 2, 0, 'choose');
    expect(batch).toMatchObject({ size: 2, rows: 2, scored: 2, length: 2 });
    expect([...batch.tokens]).toEqual([1, 0, 2, 2, 3, 0, 4, 4]);
    expect([...batch.mask]).toEqual([1, 0, 1, 1, 1, 0, 1, 1]);
    expect([...batch.segments!]).toEqual([0, 0, 0, 1, 0, 0, 0, 1]);
    expect([...batch.labels]).toEqual([1, 0]);
    const one = example([1], { choices: [sequence(1)] });
    expect(() => collate([two(1, 2, 0), one], 2, 0, 'choose')).toThrow(/2 and 1 choices/);
    expect(() => collate([example([1])], 2, 0, 'choose')).toThrow(ShapeError);
  });

  it('keeps the values of regression as they are', () => {
    const batch = collate([example([1], { label: 2.75 }), example([1], { label: -1 })], 1, 0, 'regress');
    expect([...batch.values!]).toEqual([2.75, -1]);
    expect([...batch.labels]).toEqual([0, 0]);
    expect(collate([example([1])], 1, 0).values).toBeNull();
  });

  it('scores the tags of tokens, and none of padding', () => {
    const tagged = [example([1, 2, 3], { tags: Int32Array.of(-1, 4, 0) }), example([1], { tags: Int32Array.of(2) })];
    const batch = collate(tagged, 4, 0, 'tag');
    expect([...batch.tags!]).toEqual([-1, 4, 0, -1, 2, -1, -1, -1]);
    expect(batch.scored).toBe(3);
    expect(() => collate([example([1, 2], { tags: Int32Array.of(1) })], 4, 0, 'tag')).toThrow(/1 tags for 2 tokens/);
    expect(() => collate([example([1, 2])], 4, 0, 'tag')).toThrow(/no tags/);
  });

  it('gives first and last token of answers; without one the first token', () => {
    const answered = [example([1, 2, 3], { answer: { from: 1, to: 3 } }), example([1, 2])];
    expect([...collate(answered, 4, 0, 'span').answers!]).toEqual([1, 2, 0, 0]);
    for (const answer of [
      { from: 1, to: 1 },
      { from: 2, to: 4 },
      { from: -1, to: 1 },
      { from: 0.5, to: 2 },
    ])
      expect(() => collate([example([1, 2, 3], { answer })], 4, 0, 'span')).toThrow(/an answer from/);
  });

  it('lays marked words, equally many in each example', () => {
    const spans = [
      { from: 0, to: 1 },
      { from: 1, to: 3 },
    ];
    const batch = collate([example([1, 2, 3], { spans }), example([4, 5, 6], { spans: spans.toReversed() })], 3, 0);
    expect([...batch.spans!]).toEqual([0, 1, 1, 3, 1, 3, 0, 1]);
    expect(() => collate([example([1, 2, 3], { spans }), example([1])], 3, 0)).toThrow(/2 and 0 marked spans/);
    expect(collate([example([1])], 3, 0).spans).toBeNull();
  });

  it('cuts nothing whose positions have a meaning', () => {
    const long = [1, 2, 3, 4];
    expect(() => collate([example(long, { tags: new Int32Array(4) })], 3, 0, 'tag')).toThrow(/4 tokens.*at most 3/);
    expect(() => collate([example(long)], 3, 0, 'span')).toThrow(/at most 3/);
    expect(() => collate([example(long, { spans: [{ from: 0, to: 1 }] })], 3, 0)).toThrow(/at most 3/);
    expect([...collate([example(long, { label: 1 })], 3, 0, 'regress').tokens]).toEqual([1, 2, 4]);
  });
});
