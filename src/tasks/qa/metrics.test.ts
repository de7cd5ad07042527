import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.ts';
import { answerF1, evaluateSquad1, evaluateSquad2, exactMatch, type Gold } from './metrics.ts';
import { normalizeAnswer } from './normalize.ts';

// The numbers of this file come from running the definitions of the two official scripts in Python 3.11 on these cases.

describe('what is compared of an answer', () => {
  it.each([
    ["The  Cat's-paw!", 'catspaw'],
    ['THE', ''],
    ['$', ''],
    ["A.B. Normal's", 'ab normals'],
    ['theatre a-an the_a', 'theatre aan thea'],
    ['1st the 2nd', '1st 2nd'],
    // A combining accent is no letter, so the `a` before it is an article; é and ² are parts of their words.
    ['a\u0301 la carte', '\u0301 la carte'],
    ['the\u00e9 an\u00e9', 'the\u00e9 an\u00e9'],
    ['\u00bda the\u00b2', '\u00bda the\u00b2'],
    ['caf\u00e9 a caf\u00e9', 'caf\u00e9 caf\u00e9'],
    ['\u4e2d a \u6587', '\u4e2d \u6587'],
    ['\u{1d49c} the \u{1f600}', '\u{1d49c} \u{1f600}'],
    // Quotation marks outside ASCII stay.
    ['\u201cThe end\u201d', '\u201c end\u201d'],
    ['\u0130stanbul', 'i\u0307stanbul'],
    ['\u0391\u03a3 the \u03a3', '\u03b1\u03c2 \u03c3'],
    // White space: separators and U+0085 are, U+FEFF is not.
    ['an\u00a0apple', 'apple'],
    ['x\u001ca\u001fy', 'x y'],
    ['the\u0085end', 'end'],
    ['a\ufeffb', '\ufeffb'],
  ])('%j is %j', (answer, compared) => {
    expect(normalizeAnswer(answer)).toBe(compared);
  });

  it('does not change once it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aAnthe _-.\t\u0301é') }), (answer) => {
        const once = normalizeAnswer(answer);
        // Taking an article out can leave no new one: words are set apart by the space that takes its place.
        expect(normalizeAnswer(once)).toBe(once);
      }),
    );
  });
});

// [gold, predicted, F1 of 1.1, F1 of 2.0, exact]
const pairs: [string, string, number, number, number][] = [
  ['the red red fox', 'red fox fox', 0.6666666666666666, 0.6666666666666666, 0],
  ['Denver Broncos', 'the Denver Broncos.', 1, 1, 1],
  ['the', 'an', 0, 1, 1],
  ['', 'the', 0, 1, 1],
  ['10\u201312', '10-12', 0, 0, 0],
  ['a b c d e', 'c', 0.4, 0.4, 0],
  ['one two three', 'three two four', 0.6666666666666666, 0.6666666666666666, 0],
  ['U.S.A.', 'USA', 1, 1, 1],
  ['x', 'y', 0, 0, 0],
  ['New York City', 'York new', 0.8, 0.8, 0],
  ['the the cat', 'cat cat cat', 0.5, 0.5, 0],
];

describe('exact match and F1', () => {
  // The same divisions and products of the same numbers, in the scripts' own order: equal to the bit.
  it.each(pairs)('%j and %j', (gold, predicted, first, second, exact) => {
    expect(answerF1(gold, predicted, 0)).toBe(first);
    expect(answerF1(gold, predicted, 1)).toBe(second);
    expect(exactMatch(gold, predicted)).toBe(exact);
  });
});

// [id, answers, predicted, how sure the model is of no answer]
const questions: [string, string[], string, number][] = [
  ['q0', ['old 1066 red', 'a red the fox', 'Henry a King'], 'U.S.', -0.25],
  ['q1', [], '', 0.125],
  ['q2', ['the the red red', 'a the', 'river old'], '1066 a', 1],
  ['q3', [], 'river red old King', 0.625],
  ['q4', ['old'], '', 0.125],
  ['q5', ['Henry old the'], 'Henry old the', 1],
  ['q6', ['red 1066 King old'], 'U.S. red Henry red', 0.375],
  ['q7', ['the', 'a'], 'The a', 0.375],
  ['q8', ['Henry fox U.S.'], 'Henry fox U.S.', 0.25],
  ['q9', ['the old river', 'river', 'river the fox'], 'river Henry', 0.5],
  ['q10', [], '', 0.5],
  ['q11', ['red red', 'old a the U.S.'], 'King fox', 0.375],
  ['q12', [], '', -0.125],
  ['q13', ['1066 Henry', 'old Henry river river', 'King the fox King'], 'Henry old', 0.125],
  ['q14', ['fox old U.S.'], '', 0.5],
  ['q15', ['river river old the'], '', 0.125],
  ['q16', ['river 1066 old old'], 'old King old', 0.875],
  ['q17', ['old 1066 the', 'a old'], 'The a old', 0.25],
  ['q18', ['red a the', 'U.S. the a the', 'Henry'], 'the red', -0.125],
  ['q19', [], 'The fox', 0.375],
  ['q20', ['U.S.', 'a old', 'old'], '', 1],
  ['q21', ['fox river 1066', 'U.S. river old', 'King King'], 'The King King', 0.375],
  ['q22', [], '', 0.875],
  ['q23', [], 'fox old U.S. U.S.', 0.375],
];
const gold: Gold[] = questions.map(([id, answers]) => ({ id, answers }));
const predictions = new Map(questions.map(([id, , predicted]) => [id, predicted]));
const noAnswer = new Map(questions.map(([id, , , value]) => [id, value]));

// Sums of at most 24 values in [0, 1] and one division, here and in Python, which also multiplies by 100 before it
// divides and prints the shortest digits: 24 + 2 roundings on each side.
const bound = 100 * 2 * 26 * 2 ** -53;
const near = (share: number, percent: number): void =>
  expect(Math.abs(100 * share - percent)).toBeLessThanOrEqual(bound);

describe('the evaluation of SQuAD 1.1', () => {
  const answered = gold.filter(({ answers }) => answers.length > 0);

  it('is the mean of the best of all answers', () => {
    const { exact, f1, questions: count, missing } = evaluateSquad1(answered, predictions);
    near(exact, 35.294117647058826);
    near(f1, 42.086834733893554);
    expect([count, missing]).toEqual([17, 0]);
  });

  it('scores what was not predicted 0, and counts it', () => {
    const some = new Map([...predictions].filter(([id]) => id !== 'q8'));
    const { exact, missing } = evaluateSquad1(answered, some);
    near(exact, (100 * 5) / 17);
    expect(missing).toBe(1);
  });

  it('refuses what has no value', () => {
    expect(() => evaluateSquad1([], predictions)).toThrow(/no question/);
    expect(() => evaluateSquad1(gold, predictions)).toThrow(/the question q1 without answers/);
    expect(() => evaluateSquad1([gold[0], gold[0]], predictions)).toThrow(/q0 twice/);
  });
});

describe('the evaluation of SQuAD 2.0', () => {
  it.each([
    [1, [41.666666666666664, 50.64484126984127], [35.294117647058826, 47.96918767507003], [57.142857142857146]],
    [0.5, [41.666666666666664, 48.26388888888889], [29.41176470588235, 38.725490196078425], [71.42857142857143]],
  ])('at the threshold %d', (threshold, all, has, none) => {
    const scores = evaluateSquad2(gold, predictions, { noAnswer, threshold });
    near(scores.exact, all[0]);
    near(scores.f1, all[1]);
    near(scores.hasAnswer!.exact, has[0]);
    near(scores.hasAnswer!.f1, has[1]);
    near(scores.noAnswer!.exact, none[0]);
    near(scores.noAnswer!.f1, none[0]);
    expect([scores.questions, scores.hasAnswer!.questions, scores.noAnswer!.questions]).toEqual([24, 17, 7]);
  });

  it('finds the best thresholds', () => {
    const { best } = evaluateSquad2(gold, predictions, { noAnswer });
    near(best!.exact, 45.833333333333336);
    near(best!.f1, 50.644841269841265);
    expect([best!.exactThreshold, best!.f1Threshold]).toEqual([0.375, 1]);
  });

  it('is no worse at the best threshold than at any other, where no two are equal', () => {
    const distinct = new Map(questions.map(([id, , , value], i) => [id, value + i / 1000]));
    const { best } = evaluateSquad2(gold, predictions, { noAnswer: distinct });
    const at = (threshold: number) => evaluateSquad2(gold, predictions, { noAnswer: distinct, threshold });
    for (const threshold of [-1, ...distinct.values()]) {
      expect(at(threshold).exact).toBeLessThanOrEqual(best!.exact + bound / 100);
      expect(at(threshold).f1).toBeLessThanOrEqual(best!.f1 + bound / 100);
    }
    near(at(best!.exactThreshold).exact, 100 * best!.exact);
    near(at(best!.f1Threshold).f1, 100 * best!.f1);
  });

  it('needs no opinion on answers, then has no best threshold', () => {
    const scores = evaluateSquad2(gold, predictions);
    near(scores.f1, 50.64484126984127);
    expect(scores.best).toBeNull();
    expect(evaluateSquad2([gold[1]], predictions)).toMatchObject({ exact: 1, f1: 1, hasAnswer: null });
  });

  it('wants a prediction and an opinion for every question', () => {
    const some = new Map([...predictions].filter(([id]) => id !== 'q3'));
    expect(() => evaluateSquad2(gold, some)).toThrow(/no prediction for the question q3/);
    const unsure = new Map([...noAnswer, ['q5', Number.NaN]]) as Map<string, number>;
    expect(() => evaluateSquad2(gold, predictions, { noAnswer: unsure })).toThrow(
      /NaN for no answer to the question q5/,
    );
    expect(() => evaluateSquad2(gold, predictions, { noAnswer: new Map() })).toThrow(UsageError);
  });
});
