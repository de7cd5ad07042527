import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../errors.ts';
import { embeddedJoinedLength, embeddedJoinedVocabulary, wordsOfJoined } from './embedded-joined.ts';
import { embeddedSpans } from './embedded-spans.ts';
import { places } from './grammar.ts';
import type { Example } from './types.ts';

const names = places.map(({ name }) => name);
const isIn = (known: string[]) => (word: string) => known.includes(word);
const good = isIn(['tasty', 'fresh', 'crisp']);
const praise = isIn(['lovely', 'witty', 'superb']);
const sentences = (examples: readonly Example[]) => examples.map(({ tokens }) => wordsOfJoined(tokens).b.join(' '));
const saidAnswer = ({ tokens, answer }: Example): string | null =>
  answer!.from === 0
    ? null
    : Array.from(tokens.subarray(answer!.from, answer!.to), (id) => embeddedJoinedVocabulary[id]).join(' ');

/** The answer, read off question and sentence by somebody who has only the documentation; null where there is none. */
const truth: Record<string, (question: string[], said: string[]) => string | null> = {
  harbour: (question, said) => {
    const isNoun = isIn(['captain', 'pilot', 'sailor', 'diver', 'gull', 'seal', 'crab', 'heron']);
    const [first, second] = said.filter(isNoun);
    const [doer, target] = said.includes('is') ? [second, first] : [first, second];
    const named = question.find(isNoun);
    if (question.includes('by')) return named === doer ? `the ${target}` : null;
    return named === target ? `the ${doer}` : null;
  },
  kitchen: (question, said) => {
    const claims = (words: string[]) =>
      words.some(good) === (words.filter((word) => word === 'not' || word === 'nobody').length % 2 === 0);
    const dish = said.find(isIn(['soup', 'stew', 'pie', 'sauce', 'bread', 'salad']));
    return claims(question) === claims(said) ? `the ${dish}` : null;
  },
  forest: (question, said) => {
    const verb = said.findIndex(isIn(['sleeps', 'hides', 'drinks', 'sleep', 'hide', 'drink']));
    const start = Math.max(said.indexOf('each'), said.lastIndexOf('all', verb - 1));
    const agrees = said.includes('each') === said[verb].endsWith('s');
    return agrees && question[1].startsWith(said[verb].replace(/s$/, '')) ? said.slice(start, verb).join(' ') : null;
  },
  theatre: (question, said) => {
    const tastes = [...said.keys()].filter((i) => praise(said[i]) || isIn(['dull', 'clumsy', 'hollow'])(said[i]));
    const turn = said.indexOf('although');
    const carrying = turn > tastes[0] ? tastes[0] : tastes[1];
    return question.some(praise) === praise(said[carrying]) ? `the ${said[carrying - 2]}` : null;
  },
};

const clean = embeddedSpans({ seed: 3, train: 2000, dev: 400 });

describe('questions about the embedded language', () => {
  it('are answered by what the sentence says', () => {
    for (const example of [...clean.train, ...clean.dev]) {
      const { a, b } = wordsOfJoined(example.tokens);
      expect(saidAnswer(example), `${a.join(' ')} ${b.join(' ')}`).toBe(truth[names[example.domain!]](a, b));
    }
  });

  it('are answered where the answer stands, within the sentence', () => {
    for (const { tokens, answer } of clean.train) {
      const { a } = wordsOfJoined(tokens);
      if (answer!.from === 0) expect(answer).toEqual({ from: 0, to: 1 });
      else expect(answer!.from).toBeGreaterThanOrEqual(a.length + 2);
      expect(answer!.to).toBeLessThan(tokens.length - 1);
      expect(tokens.length).toBeLessThanOrEqual(embeddedJoinedLength);
    }
    expect(clean.train.some(({ tokens }) => tokens.length > 16)).toBe(true);
  });

  it('have no answer as often as one, in every place', () => {
    const cells = new Map<string, number>();
    for (const { domain, answer } of clean.train) {
      const cell = `${domain} ${answer!.from > 0}`;
      cells.set(cell, (cells.get(cell) ?? 0) + 1);
    }
    expect([...cells.values()]).toEqual(new Array(8).fill(250));
  });

  it('show by no word whether they have one', () => {
    const { train, dev } = embeddedSpans({ seed: 0, train: 4000, dev: 2000 });
    const features = ({ tokens, domain }: Example): Set<string> => {
      const { a, b } = wordsOfJoined(tokens);
      return new Set([...a.map((word) => `${domain} a ${word}`), ...b.map((word) => `${domain} b ${word}`)]);
    };
    const counts = new Map<string, [number, number]>();
    for (const example of train)
      for (const feature of features(example)) {
        const count = counts.get(feature) ?? [1, 1];
        count[Number(example.answer!.from > 0)]++;
        counts.set(feature, count);
      }
    for (const domain of names.keys()) {
      const here = dev.filter((example) => example.domain === domain);
      const right = here.filter((example) => {
        let odds = 0;
        for (const feature of features(example)) {
          const [no, yes] = counts.get(feature) ?? [1, 1];
          odds += Math.log(yes / no);
        }
        return odds > 0 === example.answer!.from > 0;
      }).length;
      // Half of 500 and six standard deviations: 0.634.
      expect(right / here.length, names[domain]).toBeLessThan(0.65);
    }
  });

  it('measure on no sentence that is trained on; the same for the same seed', () => {
    const { train, dev } = embeddedSpans({ seed: 5 });
    expect([train.length, dev.length]).toEqual([4000, 512]);
    const measured = new Set(sentences(dev));
    expect(sentences(train).filter((text) => measured.has(text))).toEqual([]);
    expect(embeddedSpans({ seed: 3, train: 2000, dev: 400 }).train).toEqual(clean.train);
    expect(sentences(embeddedSpans({ seed: 4, train: 20, dev: 4 }).train)).not.toEqual(
      sentences(clean.train.slice(0, 20)),
    );
    expect(() => embeddedSpans({ seed: 0, dev: -1 })).toThrow(UsageError);
  });

  it('are scored as SQuAD 2.0 is, of the examples that are measured on', () => {
    const task = embeddedSpans({ seed: 3, train: 8, dev: 80, devLimit: 16 });
    const outputs = (sure: boolean) =>
      task.dev.map(({ tokens, answer }) => {
        const output = new Float32Array(2 * tokens.length + 6);
        const { from, to } = sure ? answer! : { from: 0, to: 1 };
        output[from] = 1;
        output[tokens.length + 3 + to - 1] = 1;
        return output;
      });
    expect(task.dev).toHaveLength(16);
    const perfect = task.score!(outputs(true));
    expect(Object.keys(perfect)).toEqual(task.metrics);
    expect(Object.values(perfect)).toEqual([1, 1, 1, 1]);
    const unanswerable = task.dev.filter(({ answer }) => answer!.from === 0).length / 16;
    expect(task.score!(outputs(false))).toMatchObject({ f1: unanswerable, exact: unanswerable });
    expect(() => task.score!(outputs(true).slice(1))).toThrow(ShapeError);
  });
});
