import { UsageError } from '../errors.ts';
import { foldIn, type Key, key } from '../random.ts';
import { drawBalanced, longestSentence, ornamented } from './embedded-sentences.ts';
import { places, sharedWords } from './grammar.ts';
import { accuracyMetric } from './metrics.ts';
import type { Example, Task } from './types.ts';

/**
 * The embedded language: short sentences from four places (`grammar.ts`), each with its own words and its own rule for the
 * label, generated from a seed. It ships with the package and needs no download. The place a sentence comes from is known,
 * so one can measure whether experts specialise in domains.
 */

const specialTokens = ['[PAD]', '[CLS]'];
/** The whole vocabulary of the language; a word's id is its place here. */
export const embeddedVocabulary: readonly string[] = [
  ...specialTokens,
  ...sharedWords,
  ...places.flatMap(({ words }) => words),
];

/** [CLS], at most 14 words, and the full stop. */
export const embeddedLength = longestSentence + 1;

export interface EmbeddedOptions {
  readonly seed: number;
  /** Sentences; default 4000 to train on and 512 to measure on. */
  readonly train?: number;
  readonly dev?: number;
  /** The share of labels that are turned round, in [0, 0.5). Default 0.1: nobody can do better than 0.9. */
  readonly noise?: number;
}

/** @throws UsageError for sizes or a noise outside their range */
export function embedded({ seed, train = 4000, dev = 512, noise = 0.1 }: EmbeddedOptions): Task {
  const whole = (n: number) => Number.isSafeInteger(n) && n >= 1;
  if (!whole(train) || !whole(dev) || !(noise >= 0 && noise < 0.5))
    throw new UsageError({
      operation: 'embedded task',
      received: `train ${train}, dev ${dev}, noise ${noise}`,
      expected: 'whole numbers of sentences, at least 1, and a noise in [0, 0.5)',
    });
  const stream = foldIn(key(seed), 'embedded');
  const devSentences = sentences(dev, foldIn(stream, 'dev'), noise, new Set());
  return {
    name: 'embedded',
    source: 'embedded',
    train: sentences(
      train,
      foldIn(stream, 'train'),
      noise,
      new Set(devSentences.map(({ tokens }) => tokens.join(' '))),
    ),
    dev: devSentences,
    classes: ['no', 'yes'],
    vocabularySize: embeddedVocabulary.length,
    padToken: 0,
    domains: places.length,
    length: embeddedLength,
    metric: accuracyMetric,
  };
}

/** The words of an example, without [CLS]. */
export const detokenize = (tokens: ArrayLike<number>): string =>
  Array.from(tokens, (id) => embeddedVocabulary[id])
    .filter((word) => !specialTokens.includes(word))
    .join(' ');

/** n sentences, balanced by place and true answer, none of them in `taken`. */
function sentences(n: number, stream: Key, noise: number, taken: ReadonlySet<string>): Example[] {
  const ids = new Map(embeddedVocabulary.map((word, id) => [word, id]));
  return drawBalanced({
    operation: 'embedded task',
    n,
    stream,
    taken,
    draw: (domain, yes, dice) => {
      const words = ornamented(domain, places[domain].clause(yes, dice), dice);
      const tokens = Int32Array.from(['[CLS]', ...words], (word) => ids.get(word)!);
      const example = { tokens, label: Number(yes !== dice.chance(noise)), domain };
      return { text: tokens.join(' '), item: example };
    },
  });
}
