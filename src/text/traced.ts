/**
 * A text under rewriting that remembers where every character came from, so that pieces of the rewritten text have
 * exact ranges in the text as given. UTF-16 unit i comes from the range [starts[i], ends[i]) of the original.
 */
export interface Traced {
  readonly text: string;
  /** Null where nothing was rewritten yet: unit i comes from [offset + i, offset + i + 1). */
  readonly starts: Int32Array | null;
  readonly ends: Int32Array | null;
  readonly offset: number;
}

/** A text that nothing was done to; it lies at `offset` of the original. */
export const traced = (text: string, offset = 0): Traced => ({ text, starts: null, ends: null, offset });

/** Where the range [from, to) of the rewritten text came from: the hull of its units. `from` < `to`. */
export const startOf = (t: Traced, from: number): number => (t.starts === null ? t.offset + from : t.starts[from]!);
export const endOf = (t: Traced, to: number): number => (t.ends === null ? t.offset + to : t.ends[to - 1]!);

export const slice = (t: Traced, from: number, to: number): Traced => ({
  text: t.text.slice(from, to),
  starts: t.starts?.subarray(from, to) ?? null,
  ends: t.ends?.subarray(from, to) ?? null,
  offset: t.offset + from,
});

/** The same origins under a text of the same length. */
export const relabel = (t: Traced, text: string): Traced => ({ ...t, text });

/** Builds a rewritten text from left to right. */
class Rewriting {
  text = '';
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Units [from, to) as they are. */
  keep(t: Traced, from: number, to: number): void {
    this.text += t.text.slice(from, to);
    for (let i = from; i < to; i++) {
      this.starts.push(startOf(t, i));
      this.ends.push(endOf(t, i + 1));
    }
  }
  /** A text all of whose units come from [start, end). */
  put(text: string, start: number, end: number): void {
    this.text += text;
    for (let i = 0; i < text.length; i++) {
      this.starts.push(start);
      this.ends.push(end);
    }
  }
  done(): Traced {
    return { text: this.text, starts: Int32Array.from(this.starts), ends: Int32Array.from(this.ends), offset: 0 };
  }
}

/**
 * Every match of a global pattern replaced. What comes out of a match comes from all of it; a match that is left as it
 * is keeps the origin of each of its characters.
 */
export const replaceEach = (t: Traced, pattern: RegExp, by: (match: string) => string): Traced => {
  let rewriting: Rewriting | null = null;
  let kept = 0;
  for (const match of t.text.matchAll(pattern)) {
    const found = match[0];
    const replacement = by(found);
    if (replacement === found) continue;
    rewriting ??= new Rewriting();
    const [from, to] = [match.index, match.index + found.length];
    rewriting.keep(t, kept, from);
    // An empty match inserts: its origin is the empty range there.
    if (from === to) rewriting.put(replacement, ...placeBefore(t, from));
    else rewriting.put(replacement, startOf(t, from), endOf(t, to));
    kept = to;
  }
  if (rewriting === null) return t;
  rewriting.keep(t, kept, t.text.length);
  return rewriting.done();
};

/** The empty range of the original just before unit i of the rewritten text. */
const placeBefore = (t: Traced, i: number): [number, number] => {
  const place = i < t.text.length ? startOf(t, i) : i > 0 ? endOf(t, i) : t.offset;
  return [place, place];
};

/** A text put before; it comes from nothing, at the beginning. */
export const prepend = (t: Traced, text: string): Traced => {
  const rewriting = new Rewriting();
  rewriting.put(text, ...placeBefore(t, 0));
  rewriting.keep(t, 0, t.text.length);
  return rewriting.done();
};

export const concatenate = (parts: readonly Traced[]): Traced => {
  if (parts.length === 1) return parts[0]!;
  const rewriting = new Rewriting();
  for (const part of parts) rewriting.keep(part, 0, part.text.length);
  return rewriting.done();
};

/** Lower case. Only İ grows (to i and a dot above); every other character keeps its length. */
export const lowerCase = (t: Traced): Traced => {
  const even = replaceEach(t, /\u0130/g, () => 'i\u0307');
  return relabel(even, even.text.toLowerCase());
};

/** Marks that may change places; what they stand on does not. */
const marks = /\p{M}{2,}/gu;

/**
 * What may compose: a character with the marks behind it, conjoining jamo, and the vowel signs of Kirat Rai, the only
 * other starters that compose with one another.
 */
const cluster = /(?:[^\p{M}][\p{M}\u1160-\u11ff\u{16d63}-\u{16d6a}]+|\p{M}+)/gu;

export type NormalForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/**
 * Unicode normalisation: every character decomposed by itself, then marks put in order and, for NFC and NFKC,
 * clusters composed. Equals `text.normalize(form)`: decompositions are per character, reordering never crosses a starter.
 */
export const normalForm = (t: Traced, form: NormalForm): Traced => {
  if (t.text.normalize(form) === t.text) return t;
  const decomposition = form === 'NFKC' || form === 'NFKD' ? 'NFKD' : 'NFD';
  const decomposed = replaceEach(t, /\P{ASCII}/gu, (character) => character.normalize(decomposition));
  const ordered = replaceEach(decomposed, marks, (found) => found.normalize('NFD'));
  return form === decomposition ? ordered : replaceEach(ordered, cluster, (found) => found.normalize('NFC'));
};
