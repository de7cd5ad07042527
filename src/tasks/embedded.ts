import { UsageError } from '../errors.ts';
import { foldIn, type Key, key, uniform } from '../random.ts';
import { type Dice, places, sharedWords } from './grammar.ts';
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
export const embeddedLength = 16;

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

/**
 * n sentences; places take turns, and within a place the true answers do, so that both are balanced exactly. A sentence that
 * stands in `taken` is drawn again: nothing that is measured on has been trained on.
 */
function sentences(n: number, stream: Key, noise: number, taken: ReadonlySet<string>): Example[] {
  const ids = new Map(embeddedVocabulary.map((word, id) => [word, id]));
  return Array.from({ length: n }, (_, i) => {
    const domain = i % places.length;
    const yes = Math.floor(i / places.length) % 2 === 1;
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const dice = seededDice(foldIn(foldIn(stream, i), attempt));
      const words = sentence(domain, yes, dice);
      const tokens = Int32Array.from(['[CLS]', ...words], (word) => ids.get(word)!);
      if (!taken.has(tokens.join(' '))) return { tokens, label: Number(yes !== dice.chance(noise)), domain };
    }
    throw new UsageError({
      operation: 'embedded task',
      received: `${taken.size} dev sentences`,
      expected: 'few enough that training sentences are left',
      advice: 'Ask for a smaller dev set.',
    });
  });
}

/** Draws for one sentence before the language counts as used up. */
const mostAttempts = 1000;

/** One sentence as words: perhaps an opener, the clause that carries the label, perhaps a closer, a full stop. */
function sentence(domain: number, yes: boolean, dice: Dice): string[] {
  const { clause, openers, closers } = places[domain];
  const parts = [clause(yes, dice)];
  const room = () => embeddedLength - 2 - wordCount(parts.join(' '));
  const fitting = (phrases: readonly string[]) => phrases.filter((phrase) => wordCount(phrase) <= room());
  // The dice fall whether or not there is room, so that one sentence's length does not move the next choice.
  const [opens, closes] = [dice.chance(0.3), dice.chance(0.5)];
  const opening = fitting(openers);
  if (opens && opening.length > 0) parts.unshift(dice.pick(opening));
  const closing = fitting(closers);
  if (closes && closing.length > 0) parts.push(dice.pick(closing));
  return `${parts.join(' ')} .`.split(' ');
}

const wordCount = (text: string): number => text.split(' ').length;

/** More choices than any sentence makes. */
const choices = 32;

function seededDice(stream: Key): Dice {
  const draws = uniform(stream, choices);
  let next = 0;
  return {
    pick: (items) => items[Math.floor(draws[next++] * items.length)],
    chance: (probability) => draws[next++] < probability,
  };
}
