import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { embeddedVocabulary } from './embedded.ts';
import { embeddedJoinedLength, embeddedJoinedVocabulary, wordsOfJoined } from './embedded-joined.ts';
import { embeddedPairs } from './embedded-pairs.ts';
import { places } from './grammar.ts';
import type { Example } from './types.ts';

const names = places.map(({ name }) => name);
const premises = (examples: readonly Example[]) => examples.map(({ tokens }) => wordsOfJoined(tokens).a.join(' '));

const crew = ['captain', 'pilot', 'sailor', 'diver'];
const animals = ['gull', 'seal', 'crab', 'heron'];
const isIn = (known: string[]) => (word: string) => known.includes(word);
const good = isIn(['tasty', 'fresh', 'crisp']);
const praise = isIn(['lovely', 'witty', 'superb']);
const blame = isIn(['dull', 'clumsy', 'hollow']);

/** What a sentence says, read off its words by somebody who has only the documentation. */
const crewActs = (said: string[]): boolean =>
  said.findIndex(isIn(crew)) < said.findIndex(isIn(animals)) !== said.includes('by');
const isGood = (said: string[]): boolean =>
  said.some(good) === (said.filter((word) => word === 'not' || word === 'nobody').length % 2 === 0);
const deeds = (said: string[]): string[] => {
  const nouns = said.filter(isIn(['deer', 'moose', 'trout', 'bison', 'grouse', 'elk']));
  const verbs = said.filter(isIn(['sleeps', 'hides', 'drinks', 'sleep', 'hide', 'drink']));
  return nouns.map((noun, i) => `${noun} ${verbs[i].replace(/s$/, '')}`);
};
const reviews = (said: string[]): string[] =>
  said.flatMap((word, i) => (praise(word) ? [`${said[i - 2]} praised`] : blame(word) ? [`${said[i - 2]} blamed`] : []));
const follows: Record<string, (a: string[], b: string[]) => boolean> = {
  harbour: (a, b) => crewActs(a) === crewActs(b),
  kitchen: (a, b) => isGood(a) === isGood(b),
  forest: (a, b) => deeds(a).includes(deeds(b)[0]),
  theatre: (a, b) => reviews(a).includes(reviews(b)[0]),
};

describe('pairs of the embedded language', () => {
  const clean = embeddedPairs({ seed: 3, train: 2000, dev: 400, noise: 0 });

  it('are labelled by what the first sentence says', () => {
    for (const { tokens, domain, label } of [...clean.train, ...clean.dev]) {
      const { a, b } = wordsOfJoined(tokens);
      expect(follows[names[domain!]](a, b), `${a.join(' ')} -> ${b.join(' ')}`).toBe(label === 1);
    }
  });

  it('are of the same things, whether one follows or not', () => {
    for (const { tokens, domain } of clean.train) {
      const { a, b } = wordsOfJoined(tokens);
      const nouns = isIn([...crew, ...animals, 'soup', 'stew', 'pie', 'sauce', 'bread', 'salad', 'deer', 'moose']);
      expect(b.filter(nouns).every((noun) => a.includes(noun))).toBe(true);
      if (names[domain!] === 'forest') expect(new Set(deeds(a).map((deed) => deed.split(' ')[0])).size).toBe(2);
      if (names[domain!] === 'theatre') expect(new Set(reviews(a).map((one) => one.split(' ')[0])).size).toBe(2);
    }
  });

  it('are balanced by place and label, and lie within length and vocabulary', () => {
    const cells = new Map<string, number>();
    const used = new Set<number>();
    for (const { domain, label, tokens, segments } of clean.train) {
      cells.set(`${domain} ${label}`, (cells.get(`${domain} ${label}`) ?? 0) + 1);
      for (const token of tokens) used.add(token);
      const { a } = wordsOfJoined(tokens);
      expect(tokens.length).toBeLessThanOrEqual(embeddedJoinedLength);
      expect([...segments!]).toEqual(Array.from(tokens, (_, i) => Number(i >= a.length + 2)));
    }
    expect([...cells.values()]).toEqual(new Array(8).fill(250));
    expect(embeddedJoinedVocabulary.slice(0, embeddedVocabulary.length)).toEqual(embeddedVocabulary);
    expect([...used].every((token) => token < clean.vocabularySize)).toBe(true);
    expect(clean.vocabularySize).toBe(embeddedJoinedVocabulary.length);
  });

  it('measure on no premise that is trained on; the same for the same seed', () => {
    const { train, dev } = embeddedPairs({ seed: 5 });
    expect([train.length, dev.length]).toEqual([4000, 512]);
    const measured = new Set(premises(dev));
    expect(premises(train).filter((text) => measured.has(text))).toEqual([]);
    expect(embeddedPairs({ seed: 3, train: 2000, dev: 400, noise: 0 }).train).toEqual(clean.train);
    expect(premises(embeddedPairs({ seed: 4, train: 50, dev: 8 }).train)).not.toEqual(
      premises(clean.train.slice(0, 50)),
    );
    const limited = embeddedPairs({ seed: 3, train: 2000, dev: 400, noise: 0, trainLimit: 30, devLimit: 7 });
    expect([limited.train.length, limited.dev.length]).toEqual([30, 7]);
    expect(premises(limited.dev).every((text) => premises(clean.dev).includes(text))).toBe(true);
  });

  it('turn round the stated share of labels', () => {
    const [n, noise] = [4000, 0.2];
    const noisy = embeddedPairs({ seed: 1, train: n, dev: 8, noise }).train;
    const straight = embeddedPairs({ seed: 1, train: n, dev: 8, noise: 0 }).train;
    const turned = noisy.filter(({ label }, i) => label !== straight[i].label).length;
    // Binomial: six standard deviations, passed by chance once in 5e8.
    expect(Math.abs(turned - n * noise)).toBeLessThanOrEqual(6 * Math.sqrt(n * noise * (1 - noise)));
    expect(() => embeddedPairs({ seed: 0, noise: 0.5 })).toThrow(UsageError);
    expect(() => embeddedPairs({ seed: 0, dev: 0 })).toThrow(/dev 0/);
  });

  it('cannot be told by single words, not even by which sentence they stand in', () => {
    const { train, dev } = embeddedPairs({ seed: 0, train: 4000, dev: 2000, noise: 0 });
    const features = ({ tokens, domain }: Example): Set<string> => {
      const { a, b } = wordsOfJoined(tokens);
      const both = [...a.map((word) => `a ${word}`), ...b.map((word) => `b ${word}`), `${a.length}`, `${b.length} b`];
      return new Set([...both, ...a, ...b].map((feature) => `${domain} ${feature}`));
    };
    const counts = new Map<string, [number, number]>();
    for (const example of train)
      for (const feature of features(example)) {
        const count = counts.get(feature) ?? [1, 1];
        count[example.label]++;
        counts.set(feature, count);
      }
    const right = (domain: number): number => {
      const here = dev.filter((example) => example.domain === domain);
      const hits = here.filter((example) => {
        let odds = 0;
        for (const feature of features(example)) {
          const [no, yes] = counts.get(feature) ?? [1, 1];
          odds += Math.log(yes / no);
        }
        return Number(odds > 0) === example.label;
      });
      return hits.length / here.length;
    };
    // Half of 500 and six standard deviations: 0.634.
    for (const domain of names.keys()) expect(right(domain), names[domain]).toBeLessThan(0.65);
  });
});
