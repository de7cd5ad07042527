/** How sentences of the embedded language are drawn: seeded, balanced, and never one that is measured on. */
import { UsageError } from '../errors.ts';
import { foldIn, type Key, uniform } from '../random.ts';
import { type Dice, places } from './grammar.ts';

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

/** Draws for one example before the language counts as used up. */
const mostAttempts = 1000;

/**
 * n examples; places take turns, and within a place the true answers do, so that both are balanced exactly. An example
 * whose text stands in `taken` is drawn again: nothing that is measured on has been trained on.
 *
 * @throws UsageError where `taken` leaves none
 */
export function drawBalanced<Item>({
  operation,
  n,
  stream,
  taken,
  draw,
}: {
  readonly operation: string;
  readonly n: number;
  readonly stream: Key;
  readonly taken: ReadonlySet<string>;
  readonly draw: (domain: number, yes: boolean, dice: Dice) => { readonly text: string; readonly item: Item };
}): Item[] {
  return Array.from({ length: n }, (_, i) => {
    const domain = i % places.length;
    const yes = Math.floor(i / places.length) % 2 === 1;
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const { text, item } = draw(domain, yes, seededDice(foldIn(foldIn(stream, i), attempt)));
      if (!taken.has(text)) return item;
    }
    throw new UsageError({
      operation,
      received: `${taken.size} dev sentences`,
      expected: 'few enough that training sentences are left',
      advice: 'Ask for a smaller dev set.',
    });
  });
}
