import { UsageError } from '../errors.ts';
import { foldIn, type Key, key, uniform } from '../random.ts';
import { type Dice, places, sharedWords } from './grammar.ts';
import { accuracyMetric } from './metrics.ts';
import { sampleRows } from './sample.ts';
import type { Example, Task } from './types.ts';

const specialTokens = ['[PAD]', '[CLS]'];
/** The whole vocabulary of the embedded language; a word's id is its place here. */
const vocabulary: readonly string[] = [...specialTokens, ...sharedWords, ...places.flatMap((place) => place.words)];

/** [CLS], at most 14 words, and the full stop. */
export const embeddedLength = 16;

/** More choices than any sentence makes. */
const choices = 32;

const seededDice = (stream: Key): Dice => {
  const draws = uniform(stream, choices);
  let next = 0;
  return {
    pick: (items) => items[Math.floor(draws[next++] * items.length)],
    chance: (probability) => draws[next++] < probability,
  };
};

const wordCount = (text: string): number => text.split(' ').length;

/** One sentence as words: perhaps an opener, the clause that carries the label, perhaps a closer, a full stop. */
const sentence = (domain: number, yes: boolean, dice: Dice): string[] => {
  const { clause, openers, closers } = places[domain];
  const parts = [clause(yes, dice)];
  let room = embeddedLength - 2 - wordCount(parts[0]);
  const fitting = (phrases: readonly string[]): string[] => phrases.filter((phrase) => wordCount(phrase) <= room);
  const opening = fitting(openers);
  if (dice.chance(0.3) && opening.length > 0) {
    parts.unshift(dice.pick(opening));
    room -= wordCount(parts[0]);
  }
  const closing = fitting(closers);
  if (dice.chance(0.5) && closing.length > 0) parts.push(dice.pick(closing));
  return `${parts.join(' ')} .`.split(' ');
};

export const tokenize = (words: readonly string[], ids: ReadonlyMap<string, number>): Int32Array =>
  Int32Array.from(['[CLS]', ...words], (word) => ids.get(word)!);

export const generate = (n: number, stream: Key, noise: number): Example[] => {
  const ids = new Map(vocabulary.map((word, id) => [word, id]));
  return Array.from({ length: n }, (_, i) => {
    const domain = i % places.length;
    const yes = Math.floor(i / places.length) % 2 === 1;
    const dice = seededDice(foldIn(stream, i));
    const tokens = tokenize(sentence(domain, yes, dice), ids);
    const label = Number(yes !== dice.chance(noise));
    return { tokens, label, domain };
  });
};
export const words = vocabulary;
void UsageError; void key; void accuracyMetric; void sampleRows;
export type T = Task;
