/** How sentences of the embedded language are drawn: seeded, balanced, and never one that is measured on. */
import { UsageError } from '../errors.ts';
import { foldIn, type Key, key, uniform } from '../random.ts';
import { checkSizes, type EmbeddedSizes } from './embedded-options.ts';
import { type Dice, places } from './grammar.ts';
import { accuracyMetric } from './metrics.ts';
import { sampleRows } from './sample.ts';
import type { Example } from './types.ts';

/** Words of a sentence at most, the full stop included. */
export const longestSentence = 15;

const wordCount = (text: string): number => text.split(' ').length;

/** One sentence as words: perhaps an opener of the place, the clause, perhaps a closer, a full stop. */
export function ornamented(domain: number, clause: string, dice: Dice): string[] {
  const { openers, closers } = places[domain];
  const parts = [clause];
  const room = () => longestSentence - 1 - wordCount(parts.join(' '));
  const fitting = (phrases: readonly string[]) => phrases.filter((phrase) => wordCount(phrase) <= room());
  // The dice fall whether or not there is room, so that one sentence's length does not move the next choice.
  const [opens, closes] = [dice.chance(0.3), dice.chance(0.5)];
  const opening = fitting(openers);
  if (opens && opening.length > 0) parts.unshift(dice.pick(opening));
  const closing = fitting(closers);
  if (closes && closing.length > 0) parts.push(dice.pick(closing));
  return `${parts.join(' ')} .`.split(' ');
}

/** More choices than any example makes. */
const choices = 32;

function seededDice(stream: Key): Dice {
  const draws = uniform(stream, choices);
  let next = 0;
  return {
    pick: (items) => items[Math.floor(draws[next++] * items.length)],
    chance: (probability) => draws[next++] < probability,
  };
}

/** What is drawn for one example: its text, which may not stand on both sides, and the example. */
export interface Drawn {
  readonly text: string;
  readonly example: Example;
}

export type Draw<Item extends Drawn> = (domain: number, yes: boolean, dice: Dice) => Item;

/** Draws for one example before the language counts as used up. */
const mostAttempts = 1000;

/**
 * n examples; places take turns, and within a place the true answers do, so that both are balanced exactly. An example
 * whose text stands in `taken` is drawn again: nothing that is measured on has been trained on.
 *
 * @throws UsageError where `taken` leaves none
 */
function drawBalanced<Item extends Drawn>(
  operation: string,
  n: number,
  stream: Key,
  taken: ReadonlySet<string>,
  draw: Draw<Item>,
): Item[] {
  return Array.from({ length: n }, (_, i) => {
    const domain = i % places.length;
    const yes = Math.floor(i / places.length) % 2 === 1;
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const item = draw(domain, yes, seededDice(foldIn(foldIn(stream, i), attempt)));
      if (!taken.has(item.text)) return item;
    }
    throw new UsageError({
      operation,
      received: `${taken.size} dev sentences`,
      expected: 'few enough that training sentences are left',
      advice: 'Ask for a smaller dev set.',
    });
  });
}

/**
 * Examples to train on, and what to measure on is made of; no text of the one side is one of the other. Which they are
 * follows from the seed and the task's name.
 *
 * @throws UsageError for sizes outside their range
 */
export function drawApart<Item extends Drawn>(
  name: string,
  { seed, train = 4000, dev = 512, trainLimit = null, devLimit = null }: EmbeddedSizes,
  draw: Draw<Item>,
): { readonly train: readonly Example[]; readonly measured: readonly Item[] } {
  const operation = `${name} task`;
  checkSizes(operation, train, dev);
  const stream = foldIn(key(seed), name);
  const all = drawBalanced(operation, dev, foldIn(stream, 'dev'), new Set(), draw);
  const texts = new Set(all.map(({ text }) => text));
  const training = drawBalanced(operation, train, foldIn(stream, 'train'), texts, draw);
  return {
    train: sampleRows(training, trainLimit, seed, 'train').map(({ example }) => example),
    measured: sampleRows(all, devLimit, seed, 'dev'),
  };
}

/** What all tasks of the language have in common. */
export const embeddedTask = {
  source: 'embedded',
  padToken: 0,
  domains: places.length,
  metric: accuracyMetric,
} as const;
