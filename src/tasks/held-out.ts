/** A file split in two where its task has no official training or dev file at hand. */
import { foldIn, key, uniform } from '../random.ts';

/** The share that is held out. */
export const heldOutShare = 0.2;

const stream = foldIn(key(0), 'held out');

/** Whether a text is held out: a hash of its words alone, the same on every machine and in every file. */
const isHeldOut = (text: string): boolean => uniform(foldIn(stream, text), 1)[0] < heldOutShare;

/**
 * A text by its letters and digits alone: case, accents, punctuation and white space make no difference to whether a model
 * has seen it. A text without any stays as it is.
 */
export const folded = (text: string): string => foldedWords(text).join('') || text;

/** The words of {@link folded}: what stands between anything that is no letter, digit or accent. */
export const foldedWords = (text: string): string[] =>
  text
    .normalize('NFD')
    .toLowerCase()
    .replace(/\p{M}+/gu, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');

/**
 * Texts that stand in one record, directly or over others, get one name: the first of them in the order of letters. Texts
 * that are folded alike are taken for one.
 */
const groupsOf = (records: readonly (readonly string[])[]): ((text: string) => string) => {
  const parent = new Map<string, string>();
  const root = (text: string): string => {
    let top = text;
    for (let up = parent.get(top); up !== undefined && up !== top; up = parent.get(top)) top = up;
    // Every text on the way points to the top from now on.
    for (let step = text; step !== top; ) {
      const next = parent.get(step)!;
      parent.set(step, top);
      step = next;
    }
    return top;
  };
  const keys = new Map(records.flat().map((text) => [text, folded(text)]));
  for (const texts of records) {
    const own = texts.map((text) => keys.get(text)!);
    for (const key of own) {
      if (!parent.has(key)) parent.set(key, key);
      const [a, b] = [root(own[0]), root(key)];
      if (a !== b) parent.set(a < b ? b : a, a < b ? a : b);
    }
  }
  const names = new Map<string, string>();
  for (const [text, key] of keys) {
    const top = root(key);
    const name = names.get(top);
    if (name === undefined || text < name) names.set(top, text);
  }
  return (text) => names.get(root(keys.get(text)!))!;
};

/**
 * Rows to train on and rows to measure on. Rows that share a text (a passage, a premise, a question) are on one side, and
 * so are rows linked by others: no text of one side stands on the other, in other letters' case or accents neither. Which side it is follows from a hash of the
 * group's first text, never from the row's place, so that the same rows in another order split alike. (Of fewer rows
 * those may change sides that a missing one linked, or gave their name.) About 20 % of the groups are held out; the
 * order of the rows stays.
 */
export const splitHeldOut = <Row>(
  rows: readonly Row[],
  texts: (row: Row) => readonly string[],
): { readonly train: Row[]; readonly heldOut: Row[] } => {
  const all = rows.map(texts);
  const group = groupsOf(all);
  const sides = new Map<string, boolean>();
  const [train, heldOut]: [Row[], Row[]] = [[], []];
  for (const [i, row] of rows.entries()) {
    const name = group(all[i][0]);
    let held = sides.get(name);
    if (held === undefined) {
      held = isHeldOut(name);
      sides.set(name, held);
    }
    (held ? heldOut : train).push(row);
  }
  return { train, heldOut };
};
