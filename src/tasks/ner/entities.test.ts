import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../../errors.ts';
import { type Entity, entities, entityScores, type Reading, toIob2 } from './entities.ts';

const tag = fc.constantFrom('O', 'B-per', 'I-per', 'B-creative-work', 'I-creative-work');
const sentence = fc.array(tag, { maxLength: 12 });

/** What a tag says of the one before it, by the definitions and nothing else: every pair (from, to) is tried. */
const oracle = (tags: readonly string[], reading: Reading): Entity[] => {
  const at = (i: number): string => tags[i] ?? 'O';
  const type = (i: number): string => at(i).slice(2);
  const inside = (i: number): boolean => at(i) !== 'O';
  const begins = (i: number): boolean =>
    at(i)[0] === 'B' || (reading === 'conlleval' && at(i)[0] === 'I' && (!inside(i - 1) || type(i - 1) !== type(i)));
  const found: Entity[] = [];
  for (let from = 0; from < tags.length; from++)
    for (let to = from + 1; to <= tags.length; to++) {
      const rest = Array.from({ length: to - from - 1 }, (_, k) => from + 1 + k);
      const whole = begins(from) && rest.every((i) => at(i)[0] === 'I' && type(i) === type(from));
      const ends = at(to)[0] !== 'I' || type(to) !== type(from);
      if (whole && ends) found.push({ type: type(from), from, to });
    }
  return found;
};

describe('entities out of tags', () => {
  it('are those of the definition', () => {
    fc.assert(
      fc.property(sentence, fc.constantFrom('conlleval' as const, 'strict' as const), (tags, reading) => {
        expect(entities(tags, reading)).toEqual(oracle(tags, reading));
      }),
    );
  });

  it('depend on the reading where an I- continues nothing', () => {
    const tags = ['I-loc', 'O', 'B-per', 'I-loc', 'I-loc'];
    expect(entities(tags)).toEqual([
      { type: 'loc', from: 0, to: 1 },
      { type: 'per', from: 2, to: 3 },
      { type: 'loc', from: 3, to: 5 },
    ]);
    expect(entities(tags, 'strict')).toEqual([{ type: 'per', from: 2, to: 3 }]);
  });

  it('have types with hyphens', () => {
    expect(entities(['B-creative-work', 'I-creative-work'])).toEqual([{ type: 'creative-work', from: 0, to: 2 }]);
    for (const bad of ['', 'B', 'B-', 'E-per', 'per', 'o']) expect(() => entities([bad])).toThrow(UsageError);
  });

  it('are kept by IOB1 made IOB2, which both readings then agree on', () => {
    fc.assert(
      fc.property(sentence, (tags) => {
        const iob2 = toIob2(tags);
        expect(entities(iob2)).toEqual(entities(tags));
        expect(entities(iob2, 'strict')).toEqual(entities(tags));
        expect(toIob2(iob2)).toEqual(iob2);
      }),
    );
    expect(toIob2(['I-per', 'I-per', 'B-per', 'O', 'I-loc', 'I-org'])).toEqual([
      'B-per',
      'I-per',
      'B-per',
      'O',
      'B-loc',
      'B-org',
    ]);
  });
});

// Drawn once; the counts come from the definitions of conlleval.pl and of seqeval's strict mode, run in Python.
const golden: [string, string][] = [
  ['B-work-x I-work-x I-work-x B-loc O B-loc O O', 'B-work-x I-work-x I-work-x B-loc O B-loc O O'],
  ['B-loc B-work-x', 'B-loc B-work-x'],
  ['B-loc O O', 'B-loc O O'],
  ['B-work-x I-work-x O B-loc', 'B-loc B-per B-per B-loc'],
  ['O B-work-x I-work-x O B-per', 'O B-work-x I-work-x O B-per'],
  ['B-loc I-loc O B-per I-per I-per', 'B-loc I-loc O B-per I-per I-per'],
  ['B-work-x B-loc', 'B-work-x B-loc'],
  ['O B-work-x I-work-x I-work-x', 'O B-work-x I-work-x I-work-x'],
  ['O B-per I-per O O O O', 'O B-loc I-per O O O O'],
  ['O B-per', 'O I-per'],
  ['B-per O O B-per I-per I-per B-per I-per', 'B-per O I-work-x B-per I-per I-per B-per I-per'],
  ['B-per I-per B-loc I-loc B-per O B-loc', 'B-per I-per B-loc I-loc B-work-x O B-loc'],
];
const gold = golden.map(([tags]) => tags.split(' '));
const predicted = golden.map(([, tags]) => tags.split(' '));

describe('scores of entities', () => {
  it('are those of conlleval', () => {
    const scores = entityScores(gold, predicted);
    expect(scores).toMatchObject({ gold: 24, predicted: 28, correct: 21, accuracy: 51 / 58 });
    expect([scores.precision, scores.recall, scores.f1]).toEqual([21 / 28, 21 / 24, 42 / 52]);
  });

  it("are those of seqeval's strict mode", () => {
    const scores = entityScores(gold, predicted, 'strict');
    expect(scores).toMatchObject({ gold: 24, predicted: 25, correct: 20 });
    expect([scores.precision, scores.recall, scores.f1]).toEqual([20 / 25, 20 / 24, 40 / 49]);
  });

  it('are those of sets of entities, of all types and of each', () => {
    const pair = fc.array(
      sentence.chain((tags) =>
        fc.tuple(fc.constant(tags), fc.array(tag, { minLength: tags.length, maxLength: tags.length })),
      ),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(pair, (sentences) => {
        fc.pre(sentences.some(([tags]) => tags.length > 0));
        const [g, p] = [sentences.map(([tags]) => tags), sentences.map(([, tags]) => tags)];
        const named = (all: string[][]) =>
          new Set(all.flatMap((tags, s) => oracle(tags, 'conlleval').map((e) => `${s} ${e.from} ${e.to} ${e.type}`)));
        const [expected, found] = [named(g), named(p)];
        const correct = [...found].filter((entity) => expected.has(entity));
        const scores = entityScores(g, p);
        expect(scores).toMatchObject({ gold: expected.size, predicted: found.size, correct: correct.length });
        for (const [type, counts] of Object.entries(scores.types))
          expect(counts.correct).toBe(correct.filter((entity) => entity.endsWith(` ${type}`)).length);
        const back = entityScores(p, g);
        expect([back.precision, back.recall, back.f1]).toEqual([scores.recall, scores.precision, scores.f1]);
        expect(entityScores(g, g).correct).toBe(expected.size);
      }),
    );
  });

  it('are 0 where there is nothing, and need words', () => {
    expect(entityScores([['O']], [['O']])).toMatchObject({ precision: 0, recall: 0, f1: 0, accuracy: 1, types: {} });
    expect(() => entityScores([], [])).toThrow(/no word/);
    expect(() => entityScores([['O']], [])).toThrow(ShapeError);
    expect(() => entityScores([['O'], ['O', 'O']], [['O'], ['O']])).toThrow(
      /2 words and 1 predicted tags in sentence 2/,
    );
  });
});
