/**
 * The words and sentence rules of the embedded language: four places, each with its own nouns, verbs and adjectives,
 * its own reading of the shared little words, and its own rule for what makes a sentence a "yes".
 *
 * In every place each word is as likely in a "yes" as in a "no" sentence, so that no word gives the label away: only
 * how two or three words stand to each other does. The same little word is a signal in one place and an ornament in
 * another (`not` decides in the kitchen and nowhere else), so a model must know where it is.
 */

/** Seeded choices, in the order they are asked for. */
export interface Dice {
  pick<Item>(items: readonly Item[]): Item;
  chance(probability: number): boolean;
}

export interface Place {
  readonly name: string;
  /** Its own content words; no other place has them. */
  readonly words: readonly string[];
  /** A random sentence of this place whose label is `yes`, without the opening and closing ornaments. */
  clause(yes: boolean, dice: Dice): string;
  /** Shared phrases that may open and close a sentence here; never with words that the rule reads. */
  readonly openers: readonly string[];
  readonly closers: readonly string[];
}

/** The content words by what they can be in a sentence. Verbs: `follows`, `followed`; `sleeps`, `sleep`. */
export const harbourWords = {
  crew: ['captain', 'pilot', 'sailor', 'diver'],
  animals: ['gull', 'seal', 'crab', 'heron'],
  verbs: [
    ['follows', 'followed'],
    ['watches', 'watched'],
    ['greets', 'greeted'],
    ['helps', 'helped'],
  ],
};
export const kitchenWords = {
  dishes: ['soup', 'stew', 'pie', 'sauce', 'bread', 'salad'],
  good: ['tasty', 'fresh', 'crisp'],
  bad: ['stale', 'burnt', 'bitter'],
};
export const forestWords = {
  nouns: ['deer', 'moose', 'trout', 'bison', 'grouse', 'elk'],
  verbs: [
    ['sleeps', 'sleep'],
    ['hides', 'hide'],
    ['drinks', 'drink'],
  ],
};
export const theatreWords = {
  parts: ['plot', 'music', 'stage', 'chorus', 'script', 'cast'],
  praise: ['lovely', 'witty', 'superb'],
  blame: ['dull', 'clumsy', 'hollow'],
};

/**
 * Harbour: does the crew act on the animal?
 * yes: `the captain follows the gull .`, `the gull is followed by the captain .`
 * no: `the gull follows the captain .`, `the captain is followed by the gull .`
 * Every sentence names one of the crew and one animal. The order decides, and the passive turns it round.
 */
const harbour: Place = (() => {
  const { crew, animals, verbs } = harbourWords;
  return {
    name: 'harbour',
    words: [...crew, ...animals, ...verbs.flat()],
    clause: (yes, dice) => {
      const [person, animal] = [dice.pick(crew), dice.pick(animals)];
      const [agent, patient] = yes ? [person, animal] : [animal, person];
      const [active, participle] = dice.pick(verbs);
      return dice.chance(0.3)
        ? `the ${patient} is ${participle} by the ${agent}`
        : `the ${agent} ${active} the ${patient}`;
    },
    openers: ['today', 'again', 'all day', 'at the old pier'],
    closers: ['today', 'again', 'all day', 'but not today', 'although it was late', 'at the old pier'],
  };
})();

/**
 * Kitchen: is the dish called good? Each negation turns the taste round, so their parity counts.
 * yes: `the soup is tasty .`, `the soup is not stale .`, `nobody says the soup is not tasty .`
 * no: `the soup is not tasty .`, `nobody says the soup is tasty .`
 */
const kitchen: Place = (() => {
  const { dishes, good, bad } = kitchenWords;
  return {
    name: 'kitchen',
    words: [...dishes, ...good, ...bad],
    clause: (yes, dice) => {
      const denied = dice.chance(0.5);
      const speaker = dice.chance(0.2) ? dice.pick(['nobody', 'everybody']) : null;
      const negations = Number(denied) + Number(speaker === 'nobody');
      const taste = dice.pick(yes === (negations % 2 === 0) ? good : bad);
      return `${speaker ? `${speaker} says ` : ''}the ${dice.pick(dishes)} is ${denied ? 'not ' : ''}${taste}`;
    },
    openers: ['today', 'again', 'at noon'],
    closers: ['today', 'again', 'all day', 'although it was late', 'at noon', 'by the old stove'],
  };
})();

/**
 * Forest: does the verb agree with the word that opens the subject? The nouns are the same for one and for many.
 * yes: `each deer near the old oak sleeps .`, `all deer near the old oak sleep .`
 * no: `each deer near the old oak sleep .`, `all deer near the old oak sleeps .`
 */
const forest: Place = (() => {
  const one = ['each'];
  const many = ['all'];
  const { nouns, verbs } = forestWords;
  return {
    name: 'forest',
    words: [...nouns, ...verbs.flat()],
    clause: (yes, dice) => {
      const plural = dice.chance(0.5);
      const verb = dice.pick(verbs)[yes === plural ? 1 : 0];
      const where = dice.chance(0.3)
        ? ` ${dice.pick(['near', 'by'])} the old ${dice.pick(['oak', 'brook', 'fern'])}`
        : '';
      return `${dice.pick(plural ? many : one)} ${dice.pick(nouns)}${where} ${verb}`;
    },
    openers: ['today', 'again', 'at noon'],
    closers: ['today', 'again', 'but not today', 'although it was late', 'at noon'],
  };
})();

/**
 * Theatre: does the clause that carries the sentence praise? `but` gives the weight to what follows it, `although` takes
 * it from the clause that it opens. Every sentence holds one praise and one blame.
 * yes: `the plot was dull but the music was lovely .`, `the music was lovely although the plot was dull .`
 * no: `the music was lovely but the plot was dull .`, `although the music was lovely the plot was dull .`
 */
const theatre: Place = (() => {
  const { parts, praise, blame } = theatreWords;
  return {
    name: 'theatre',
    words: [...parts, ...praise, ...blame],
    clause: (yes, dice) => {
      const heavy = `the ${dice.pick(parts)} was ${dice.pick(yes ? praise : blame)}`;
      const light = `the ${dice.pick(parts)} was ${dice.pick(yes ? blame : praise)}`;
      return dice.pick([`${light} but ${heavy}`, `${heavy} although ${light}`, `although ${light} ${heavy}`]);
    },
    openers: ['today', 'again'],
    closers: ['today', 'again', 'all day', 'at noon'],
  };
})();

/** The little words that all places share, whatever they mean there. */
export const sharedWords: readonly string[] = [
  ...[
    '.',
    'the',
    'is',
    'was',
    'it',
    'by',
    'near',
    'at',
    'old',
    'not',
    'but',
    'although',
    'says',
    'nobody',
    'everybody',
  ],
  ...['each', 'all', 'today', 'again', 'day', 'noon', 'late'],
  ...['pier', 'stove', 'oak', 'brook', 'fern'],
];

export const places: readonly Place[] = [harbour, kitchen, forest, theatre];
