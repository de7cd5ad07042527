import { embeddedJoinedLength, embeddedJoinedVocabulary, joinWords } from './embedded-joined.ts';
import { checkCount, type EmbeddedSizes } from './embedded-options.ts';
import { type Drawn, drawApart, embeddedTask, ornamented } from './embedded-sentences.ts';
import { type Dice, forestWords, harbourWords, kitchenWords, places, theatreWords } from './grammar.ts';
import { scoreSpans2 } from './qa/features.ts';
import { bestSpans, type Spans } from './qa/spans.ts';
import type { Output, Task } from './types.ts';

/**
 * Questions about sentences of the embedded language. Half of them have no answer, and ask in the same words: what is said
 * of the thing that is asked about is what decides.
 */

/** The longest answer: `each deer near the old oak`. */
const longestAnswer = 6;

/**
 * [CLS] question [SEP] sentence [SEP]; the answer is a part of the sentence, or [CLS] where there is none. No sentence to
 * measure on is one to train on. There is no noise. Scored as SQuAD 2.0 is, over words.
 *
 * @throws UsageError for sizes outside their range
 */
export function embeddedSpans(sizes: EmbeddedSizes): Task {
  const { train, measured } = drawApart('embedded-spans', sizes, questionFrom);
  const gold = measured.map(({ answer }, i) => ({ id: String(i), answers: answer === null ? [] : [answer] }));
  return {
    ...embeddedTask,
    name: 'embedded-spans',
    train,
    dev: measured.map(({ example }) => example),
    classes: [],
    vocabularySize: embeddedJoinedVocabulary.length,
    length: embeddedJoinedLength,
    head: 'span',
    metrics: ['f1', 'exact', 'best_f1', 'best_exact'],
    score: (outputs) => {
      checkCount('embedded-spans task', outputs, measured.length);
      return scoreSpans2(
        gold,
        outputs.map((output, i) => spansOf(measured[i], output)),
      );
    },
  };
}

interface Asked extends Drawn {
  readonly sentence: readonly string[];
  /** Its words; null where there is none. */
  readonly answer: string | null;
}

/** The best span of the sentence by what the head says: every word is a piece. */
function spansOf({ sentence, example: { tokens } }: Asked, output: Output): Spans {
  const context = sentence.join(' ');
  let start = 0;
  const pieces = sentence.map((word, i) => {
    const piece = { id: i, start, end: start + word.length };
    start = piece.end + 1;
    return piece;
  });
  // The sentence stands before the last [SEP].
  const first = tokens.length - 1 - sentence.length;
  const window = {
    tokens: tokens.length,
    from: 0,
    to: sentence.length,
    positions: Int32Array.from(sentence, (_, i) => first + i),
  };
  return bestSpans(context, pieces, [window], [output], { best: 1, longest: longestAnswer });
}

function questionFrom(domain: number, yes: boolean, dice: Dice): Asked {
  const { clause, question, from, to } = questionOf[domain](yes, dice);
  const sentence = ornamented(domain, clause.join(' '), dice);
  const asked = `${question} ?`.split(' ');
  // [CLS], the question and [SEP] stand before the sentence, and perhaps an opener before the clause.
  const before = asked.length + 2 + startOf(clause, sentence);
  const answer = yes ? { from: before + from, to: before + to } : { from: 0, to: 1 };
  const example = { ...joinWords(asked, sentence), label: 0, answer, domain };
  return { text: sentence.join(' '), sentence, answer: yes ? clause.slice(from, to).join(' ') : null, example };
}

/** Where some words stand in a sentence, one after the other. */
const startOf = (words: readonly string[], sentence: readonly string[]): number =>
  sentence.findIndex((_, start) => words.every((word, i) => sentence[start + i] === word));

interface Question {
  readonly clause: readonly string[];
  /** Without its question mark. */
  readonly question: string;
  /** The words [from, to) of the clause that answer it, if anything does. */
  readonly from: number;
  readonly to: number;
}

/** A noun and the word before it: `the gull`. */
const withArticle = (noun: number) => ({ from: noun - 1, to: noun + 1 });

/**
 * Harbour: `the captain follows the gull .`
 * `who follows the gull ?`, `who is followed by the captain ?`; no answer: `who follows the captain ?`
 */
const harbourQuestion = (yes: boolean, dice: Dice): Question => {
  const crewActs = dice.chance(0.5);
  const clause = places[0].clause(crewActs, dice).split(' ');
  const [person, animal] = [harbourWords.crew, harbourWords.animals].map((known) =>
    clause.findIndex((word) => known.includes(word)),
  );
  const [doer, target] = crewActs ? [person, animal] : [animal, person];
  const [active, participle] = harbourWords.verbs.find((forms) => forms.some((form) => clause.includes(form)))!;
  const asksDoer = dice.chance(0.5);
  const [answer, other] = asksDoer ? [doer, target] : [target, doer];
  // The one who did it cannot be the one it was done to: asked that way round there is no answer.
  const named = clause[yes ? other : answer];
  const question = asksDoer ? `who ${active} the ${named}` : `who is ${participle} by the ${named}`;
  return { clause, question, ...withArticle(answer) };
};

/**
 * Kitchen: `nobody says the soup is tasty .`
 * `what is stale ?`, `what is not crisp ?`; no answer: `what is fresh ?`
 */
const kitchenQuestion = (yes: boolean, dice: Dice): Question => {
  const good = dice.chance(0.5);
  const clause = places[1].clause(good, dice).split(' ');
  const dish = clause.findIndex((word) => kitchenWords.dishes.includes(word));
  const denied = dice.chance(0.5);
  const asksGood = good === yes;
  const taste = dice.pick(asksGood !== denied ? kitchenWords.good : kitchenWords.bad);
  return { clause, question: `what is ${denied ? 'not ' : ''}${taste}`, ...withArticle(dish) };
};

/**
 * Forest: `each deer near the old oak sleeps .`: `who sleeps ?` is answered by all that stands before the verb. A sentence
 * whose verb does not agree answers nothing.
 */
const forestQuestion = (yes: boolean, dice: Dice): Question => {
  const clause = places[2].clause(yes, dice).split(' ');
  const verb = clause.length - 1;
  const [singular] = forestWords.verbs.find((forms) => forms.includes(clause[verb]))!;
  return { clause, question: `who ${singular}`, from: 0, to: verb };
};

/**
 * Theatre: `the plot was dull but the music was lovely .`: only the clause that carries the sentence answers.
 * `what was witty ?` -> the music; no answer: `what was hollow ?`
 */
const theatreQuestion = (yes: boolean, dice: Dice): Question => {
  const praises = dice.chance(0.5);
  const { praise, blame } = theatreWords;
  const clause = places[3].clause(praises, dice).split(' ');
  const carrying = clause.findIndex((word) => (praises ? praise : blame).includes(word)) - 2;
  const asked = dice.pick(praises === yes ? praise : blame);
  return { clause, question: `what was ${asked}`, ...withArticle(carrying) };
};

/** In the order of `places`. */
const questionOf = [harbourQuestion, kitchenQuestion, forestQuestion, theatreQuestion];
