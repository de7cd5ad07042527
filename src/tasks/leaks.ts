/** Texts that are measured on, found again among others. */
import { folded, foldedWords } from './held-out.ts';

export interface MeasuredTexts {
  readonly task: string;
  readonly texts: readonly string[];
}

/** Which task is measured on a text, and whether the text is the `same` or `contains` it. */
export interface Leak {
  readonly task: string;
  readonly how: 'same' | 'contains';
}

/** Words that a text has at least, if others are searched for it: of fewer, any text may hold them by chance. */
const fewestWords = 5;

/** A text is filed under its first 20 letters, or 10, or 5, whichever it has; five words have five letters at least. */
const fileLengths = [20, 10, 5] as const;
const fileOf = (letters: string): string => letters.slice(0, fileLengths.find((length) => length <= letters.length)!);

/**
 * What tells whether a text gives away one that is measured on: it is the same, or it contains one of at least five words,
 * from the beginning of a word to the end of one (a paragraph with a sentence of it). Letters and digits alone are compared, as
 * {@link folded} has them. Of several tasks the first is told, and what is the same before what is contained.
 *
 * Each word's beginning is looked up three times, so that the time goes with the length of the texts and not with how many are
 * measured on.
 */
export function leaksOf(measured: readonly MeasuredTexts[]): (text: string) => Leak | null {
  const same = new Map<string, string>();
  const filed = new Map<string, Map<string, string>>();
  for (const { task, texts } of measured)
    for (const text of texts) {
      const words = foldedWords(text);
      const letters = words.join('') || text;
      if (!same.has(letters)) same.set(letters, task);
      if (words.length < fewestWords) continue;
      const file = filed.get(fileOf(letters)) ?? new Map<string, string>();
      filed.set(fileOf(letters), file);
      if (!file.has(letters)) file.set(letters, task);
    }
  return (text) => {
    const whole = same.get(folded(text));
    if (whole !== undefined) return { task: whole, how: 'same' };
    const part = partIn(foldedWords(text), filed);
    return part === null ? null : { task: part, how: 'contains' };
  };
}

/** The task of the first filed text that stands in these words. */
function partIn(words: readonly string[], filed: ReadonlyMap<string, ReadonlyMap<string, string>>): string | null {
  const letters = words.join('');
  const starts: number[] = [];
  let end = 0;
  for (const word of words) {
    starts.push(end);
    end += word.length;
  }
  const edges = new Set([...starts, end]);
  for (const start of starts)
    for (const length of fileLengths) {
      const file = filed.get(letters.slice(start, start + length));
      for (const [part, task] of file ?? [])
        if (letters.startsWith(part, start) && edges.has(start + part.length)) return task;
    }
  return null;
}
