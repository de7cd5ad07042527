import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { detokenize, embedded, embeddedLength, embeddedVocabulary } from './embedded.ts';
import { places, sharedWords } from './grammar.ts';
import type { Example } from './types.ts';

const names = places.map((place) => place.name);
const words = (example: Example): string[] => detokenize(example.tokens).split(' ');
const texts = (examples: readonly Example[]): string[] => examples.map((e) => detokenize(e.tokens));

/**
 * The rules once more, read off the finished sentence by somebody who has only the documentation of `grammar.ts`:
 * what the sentence says, not how it was made.
 */
const truth: Record<string, (said: string[]) => boolean> = {
  harbour: (said) => {
    const crew = said.findIndex((word) => ['captain', 'pilot', 'sailor', 'diver'].includes(word));
    const animal = said.findIndex((word) => ['gull', 'seal', 'crab', 'heron'].includes(word));
    return crew < animal !== said.includes('by');
  },
  kitchen: (said) => {
    const negations = said.filter((word) => word === 'not' || word === 'nobody').length;
    return said.some((word) => ['tasty', 'fresh', 'crisp'].includes(word)) === (negations % 2 === 0);
  },
  forest: (said) => said.includes('each') === said.some((word) => ['sleeps', 'hides', 'drinks'].includes(word)),
  theatre: (said) => {
    const praise = said.findIndex((word) => ['lovely', 'witty', 'superb'].includes(word));
    const blame = said.findIndex((word) => ['dull', 'clumsy', 'hollow'].includes(word));
    // The weight is on the last clause, unless `although` stands between the two.
    const turn = said.indexOf('although');
    const firstCounts = turn > Math.min(praise, blame) && turn < Math.max(praise, blame);
    return firstCounts ? praise < blame : blame < praise;
  },
};

describe('the embedded language', () => {
  const clean = embedded({ seed: 3, train: 2000, dev: 400, noise: 0 });

  it('labels a sentence by the rule of its place', () => {
    for (const example of [...clean.train, ...clean.dev]) {
      const place = names[example.domain!];
      expect(truth[place](words(example)), `${place}: ${words(example).join(' ')}`).toBe(example.label === 1);
    }
  });

  it('has as many sentences of each place, and of each label in it', () => {
    const cells = new Map<string, number>();
    for (const { domain, label } of clean.train)
      cells.set(`${domain} ${label}`, (cells.get(`${domain} ${label}`) ?? 0) + 1);
    expect([...cells.values()]).toEqual(new Array(8).fill(250));
  });

  it('fits its length and its vocabulary, and uses all of it', () => {
    const used = new Set<number>();
    for (const { tokens } of clean.train) {
      expect(tokens[0]).toBe(embeddedVocabulary.indexOf('[CLS]'));
      expect(embeddedVocabulary[tokens[tokens.length - 1]]).toBe('.');
      expect(tokens.length).toBeLessThanOrEqual(embeddedLength);
      for (const token of tokens) used.add(token);
    }
    // Everything but [PAD].
    const expected = Array.from({ length: clean.vocabularySize - 1 }, (_, id) => id + 1);
    expect([...used].sort((a, b) => a - b)).toEqual(expected);
    expect(clean.train.some(({ tokens }) => tokens.length === embeddedLength)).toBe(true);
    expect(Math.min(...clean.train.map(({ tokens }) => tokens.length))).toBeLessThan(8);
  });

  it('has no word twice, so content words tell the place', () => {
    expect(new Set(embeddedVocabulary).size).toBe(embeddedVocabulary.length);
    expect(embeddedVocabulary.length).toBe(2 + sharedWords.length + places.flatMap((place) => place.words).length);
    for (const example of clean.train) {
      const own = new Set(places[example.domain!].words);
      expect(words(example).every((word) => own.has(word) || sharedWords.includes(word))).toBe(true);
    }
  });

  it('turns round the stated share of labels', () => {
    const [n, noise] = [8000, 0.2];
    const noisy = embedded({ seed: 1, train: n, dev: 8, noise }).train;
    const straight = embedded({ seed: 1, train: n, dev: 8, noise: 0 }).train;
    expect(texts(noisy)).toEqual(texts(straight));
    const turned = noisy.filter((example, i) => example.label !== straight[i].label).length;
    // Binomial: six standard deviations, passed by chance once in 5e8.
    expect(Math.abs(turned - n * noise)).toBeLessThanOrEqual(6 * Math.sqrt(n * noise * (1 - noise)));
  });

  it('is the same for the same seed; a longer set begins with the shorter one', () => {
    expect(embedded({ seed: 3, train: 2000, dev: 400, noise: 0 })).toEqual(clean);
    expect(texts(embedded({ seed: 3, train: 100, dev: 400, noise: 0 }).train)).toEqual(
      texts(clean.train.slice(0, 100)),
    );
    expect(texts(embedded({ seed: 4, train: 100, dev: 8 }).train)).not.toEqual(texts(clean.train.slice(0, 100)));
  });

  it('is the language it was: published figures are of these very sentences', () => {
    const digest = (options: Parameters<typeof embedded>[0]): string => {
      const { train, dev } = embedded(options);
      const lines = [...train, ...dev].map((e) => `${e.tokens.join(' ')}|${e.label}|${e.domain}`);
      return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);
    };
    expect(digest({ seed: 0 })).toBe('7112e79dfd2ac370');
    expect(digest({ seed: 7, train: 300, dev: 64, noise: 0.25 })).toBe('b8e211a39d37a37d');
  });

  it('measures on no sentence that it trains on', () => {
    const { train, dev } = embedded({ seed: 5 });
    const measured = new Set(texts(dev));
    expect(texts(train).filter((text) => measured.has(text))).toEqual([]);
  });

  it('comes in the sizes that were asked for', () => {
    const { train, dev } = embedded({ seed: 0 });
    expect([train.length, dev.length]).toEqual([4000, 512]);
    expect(() => embedded({ seed: 0, train: 0 })).toThrow(UsageError);
    expect(() => embedded({ seed: 0, dev: 1.5 })).toThrow(/dev 1\.5/);
    expect(() => embedded({ seed: 0, noise: 0.5 })).toThrow(UsageError);
    expect(() => embedded({ seed: 0, noise: Number.NaN })).toThrow(UsageError);
  });
});

/** Naive Bayes over a sentence's set of features, each with its place, so that every place gets a reader of its own. */
const naiveBayes = (
  train: readonly Example[],
  dev: readonly Example[],
  featuresOf: (said: string[]) => string[],
): number => {
  const features = (example: Example): Set<string> =>
    new Set(featuresOf(words(example)).map((feature) => `${example.domain} ${feature}`));
  const counts = new Map<string, [number, number]>();
  for (const example of train)
    for (const feature of features(example)) {
      const count = counts.get(feature) ?? [1, 1]; // add-one smoothing
      count[example.label]++;
      counts.set(feature, count);
    }
  const right = dev.filter((example) => {
    let logOdds = 0;
    for (const feature of features(example)) {
      const [no, yes] = counts.get(feature) ?? [1, 1];
      logOdds += Math.log(yes / no);
    }
    return Number(logOdds > 0) === example.label;
  });
  return right.length / dev.length;
};

describe('what it takes to read the embedded language', () => {
  // Without noise, so this is the most that such a reader can get. Seen: 0.50 by words, 0.50 by their counts, 0.86 by
  // ordered pairs. A reader that knows nothing is right in half of n sentences, with a standard deviation of 0.5/√n:
  // six of them above a half is 0.567 for the 2,000 of all places and 0.634 for the 500 of one.
  const { train, dev } = embedded({ seed: 0, train: 4000, dev: 2000, noise: 0 });
  const orderedPairs = (said: string[]): string[] =>
    said.flatMap((first, i) => said.slice(i + 1).map((second) => `${first} … ${second}`));

  it('single words do not give the label away, in no place', () => {
    expect(naiveBayes(train, dev, (said) => said)).toBeLessThan(0.6);
    for (const domain of names.keys()) {
      const here = (examples: readonly Example[]): Example[] => examples.filter((e) => e.domain === domain);
      expect(
        naiveBayes(here(train), here(dev), (said) => said),
        names[domain],
      ).toBeLessThan(0.65);
    }
  });

  it('neither do the number of words or how often each stands there', () => {
    const countsAndLength = (said: string[]): string[] => [
      ...said.map((word) => `${word} × ${said.filter((other) => other === word).length}`),
      `${said.length} words`,
    ];
    expect(naiveBayes(train, dev, countsAndLength)).toBeLessThan(0.6);
  });

  it('pairs of words in their order give much of it', () => {
    expect(naiveBayes(train, dev, orderedPairs)).toBeGreaterThan(0.75);
  });
});
