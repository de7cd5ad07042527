import { UsageError } from '../errors.ts';
import { embeddedJoinedLength, embeddedJoinedVocabulary, joinWords } from './embedded-joined.ts';
import type { EmbeddedSizes } from './embedded-options.ts';
import { drawApart, embeddedTask, ornamented } from './embedded-sentences.ts';
import { type Dice, forestWords, harbourWords, kitchenWords, places, theatreWords } from './grammar.ts';
import type { Task } from './types.ts';

/**
 * Pairs of the embedded language: does the second sentence follow from the first? Both come from one place and are about
 * the same things, whether it follows or not: no word, and no set of words, gives the label away.
 */

export interface EmbeddedPairsOptions extends EmbeddedSizes {
  /** The share of labels that are turned round, in [0, 0.5). Default 0.1: nobody can do better than 0.9. */
  readonly noise?: number;
}

/**
 * [CLS] premise [SEP] hypothesis [SEP], labels no and yes. No premise to measure on is one to train on.
 *
 * @throws UsageError for sizes or a noise outside their range
 */
export function embeddedPairs({ noise = 0.1, ...sizes }: EmbeddedPairsOptions): Task {
  if (!(noise >= 0 && noise < 0.5))
    throw new UsageError({
      operation: 'embedded-pairs task',
      received: `noise ${noise}`,
      expected: 'a noise in [0, 0.5)',
    });
  const { train, measured } = drawApart('embedded-pairs', sizes, (domain, yes, dice) => {
    const { premise, hypothesis } = pairOf[domain](yes, dice);
    const words = ornamented(domain, premise, dice);
    const example = {
      ...joinWords(words, `${hypothesis} .`.split(' ')),
      label: Number(yes !== dice.chance(noise)),
      domain,
    };
    return { text: words.join(' '), example };
  });
  return {
    ...embeddedTask,
    name: 'embedded-pairs',
    train,
    dev: measured.map(({ example }) => example),
    classes: ['no', 'yes'],
    vocabularySize: embeddedJoinedVocabulary.length,
    length: embeddedJoinedLength,
    head: 'classify',
  };
}

interface Clauses {
  readonly premise: string;
  readonly hypothesis: string;
}

/** Two different ones. */
const pickTwo = <Item>(dice: Dice, items: readonly Item[]): [Item, Item] => {
  const first = dice.pick(items);
  return [first, dice.pick(items.filter((item) => item !== first))];
};

/**
 * Harbour: who does it to whom?
 * `the captain follows the gull .` -> yes `the gull is followed by the captain .`, no `the gull follows the captain .`
 */
const harbourPair = (yes: boolean, dice: Dice): Clauses => {
  const crewActs = dice.chance(0.5);
  const [person, animal] = [dice.pick(harbourWords.crew), dice.pick(harbourWords.animals)];
  const [active, participle] = dice.pick(harbourWords.verbs);
  const say = (doer: string, target: string) =>
    dice.chance(0.5) ? `the ${target} is ${participle} by the ${doer}` : `the ${doer} ${active} the ${target}`;
  const [doer, target] = crewActs ? [person, animal] : [animal, person];
  return { premise: say(doer, target), hypothesis: yes ? say(doer, target) : say(target, doer) };
};

/**
 * Kitchen: is the dish as good, or as bad? Every good word means good here, every bad one bad, and negations turn them.
 * `nobody says the soup is tasty .` -> yes `the soup is not fresh .`, no `the soup is not stale .`
 */
const kitchenPair = (yes: boolean, dice: Dice): Clauses => {
  const good = dice.chance(0.5);
  const premise = places[1].clause(good, dice);
  const dish = premise.split(' ').find((word) => kitchenWords.dishes.includes(word))!;
  const denied = dice.chance(0.5);
  const claimsGood = good === yes;
  const taste = dice.pick(claimsGood !== denied ? kitchenWords.good : kitchenWords.bad);
  return { premise, hypothesis: `the ${dish} is ${denied ? 'not ' : ''}${taste}` };
};

/**
 * Forest: which of two does what? Each and all are the same here; all verbs agree.
 * `each deer sleeps but all elk hide .` -> yes `each elk hides .`, no `each elk sleeps .`
 */
const forestPair = (yes: boolean, dice: Dice): Clauses => {
  const nouns = pickTwo(dice, forestWords.nouns);
  const verbs = pickTwo(dice, forestWords.verbs);
  const say = (noun: string, [singular, plural]: readonly string[], where = '') =>
    dice.chance(0.5) ? `all ${noun}${where} ${plural}` : `each ${noun}${where} ${singular}`;
  const where = dice.chance(0.3) ? ` ${dice.pick(['near', 'by'])} the old ${dice.pick(['oak', 'brook', 'fern'])}` : '';
  const asked = dice.pick([0, 1]);
  return {
    premise: `${say(nouns[0], verbs[0], where)} but ${say(nouns[1], verbs[1])}`,
    hypothesis: say(nouns[asked], verbs[yes ? asked : 1 - asked]),
  };
};

/**
 * Theatre: which of two was praised? Every praise means the same here, and so does every blame.
 * `the plot was dull but the music was lovely .` -> yes `the music was witty .`, no `the plot was witty .`
 */
const theatrePair = (yes: boolean, dice: Dice): Clauses => {
  const parts = pickTwo(dice, theatreWords.parts);
  const praised = dice.pick([0, 1]);
  const words = (praise: boolean) => (praise ? theatreWords.praise : theatreWords.blame);
  const [first, second] = parts.map((part, i) => `the ${part} was ${dice.pick(words(i === praised))}`);
  const asked = dice.pick([0, 1]);
  const claimsPraise = (asked === praised) === yes;
  return {
    premise: dice.pick([`${first} but ${second}`, `${first} although ${second}`, `although ${first} ${second}`]),
    hypothesis: `the ${parts[asked]} was ${dice.pick(words(claimsPraise))}`,
  };
};

/** In the order of `places`. */
const pairOf = [harbourPair, kitchenPair, forestPair, theatrePair];
