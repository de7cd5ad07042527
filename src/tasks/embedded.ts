import { UsageError } from '../errors.ts';
import { drawApart, embeddedTask, longestSentence, ornamented } from './embedded-sentences.ts';
import { places, sharedWords } from './grammar.ts';
import type { Task } from './types.ts';

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

const ids = new Map(embeddedVocabulary.map((word, id) => [word, id]));

/** @throws UsageError for sizes or a noise outside their range */
export function embedded({ noise = 0.1, ...sizes }: EmbeddedOptions): Task {
  if (!(noise >= 0 && noise < 0.5))
    throw new UsageError({ operation: 'embedded task', received: `noise ${noise}`, expected: 'a noise in [0, 0.5)' });
  const { train, measured } = drawApart('embedded', sizes, (domain, yes, dice) => {
    const words = ornamented(domain, places[domain].clause(yes, dice), dice);
    const tokens = Int32Array.from(['[CLS]', ...words], (word) => ids.get(word)!);
    return { text: words.join(' '), example: { tokens, label: Number(yes !== dice.chance(noise)), domain } };
  });
  return {
    ...embeddedTask,
    name: 'embedded',
    train,
    dev: measured.map(({ example }) => example),
    classes: ['no', 'yes'],
    vocabularySize: embeddedVocabulary.length,
    length: embeddedLength,
  };
}

/** The words of an example, without [CLS]. */
export const detokenize = (tokens: ArrayLike<number>): string =>
  Array.from(tokens, (id) => embeddedVocabulary[id])
    .filter((word) => !specialTokens.includes(word))
    .join(' ');
