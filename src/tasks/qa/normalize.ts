/**
 * How the official SQuAD evaluation reads an answer before it compares: lower case, no punctuation, no articles, single
 * spaces. The scripts are Python, so the words they use mean what Python means by them:
 *
 * - lower case: the full Unicode mapping, as `toLowerCase` has it (letters that only a newer Unicode knows apart);
 * - punctuation: the 32 ASCII signs of `string.punctuation`; “ ” – € and their like are kept;
 * - word boundary, around an article: between a letter, a number or `_` and anything else. A combining mark is no letter,
 *   unlike in other languages' `\w`; and JavaScript's own `\b` knows ASCII only;
 * - white space: Unicode's, with the separators U+001C to U+001F and U+0085, without U+FEFF; `\s` differs in these.
 */

const punctuation = /[!-/:-@[-`{-~]/g;
const article = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are white space to Python
const whiteSpace = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** The words of an answer as they are compared; none for an answer of nothing but articles and punctuation. */
export const answerWords = (answer: string): string[] =>
  answer
    .toLowerCase()
    .replace(punctuation, '')
    .replace(article, ' ')
    .split(whiteSpace)
    .filter((word) => word !== '');

/** The answer as it is compared for an exact match. */
export const normalizeAnswer = (answer: string): string => answerWords(answer).join(' ');
