import type { Normalizer } from './normalizer.ts';
import { refuse, settings, settingsId, settingsList, settingsText } from './settings.ts';
import { slice, type Traced, traced } from './traced.ts';

/** A token that is found in the text before it is split into words: [MASK], say. */
export interface AddedToken {
  readonly content: string;
  readonly id: number;
  readonly special: boolean;
  /** It is sought in the normalised text, normalised itself; else in the text as given. */
  readonly normalized: boolean;
  /** White space before it, or behind it, goes with it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** The `added_tokens` of a tokenizer.json. @throws DataError for what is none, or asks to be a whole word. */
export const readAddedTokens = (value: unknown): AddedToken[] =>
  settingsList(value ?? [], 'added_tokens').map((entry, i) => {
    const what = `added_tokens[${i}]`;
    const token = settings(entry, what);
    const content = settingsText(token.content, what);
    if (content === '') throw refuse(what, 'an empty content', 'a text to be found');
    if (token.single_word === true) throw refuse(what, 'single_word: true', 'a token that may stand inside words');
    const special = token.special === true;
    return {
      content,
      id: settingsId(token.id, what),
      special,
      normalized: typeof token.normalized === 'boolean' ? token.normalized : !special,
      lstrip: token.lstrip === true,
      rstrip: token.rstrip === true,
    };
  });

/** A part of a text: found as a token, or not. */
export interface Section {
  readonly text: Traced;
  readonly token: AddedToken | null;
}

/** The pattern of any of the contents, the longest first; null for none. */
const anyOf = (contents: readonly string[]): RegExp | null => {
  if (contents.length === 0) return null;
  const longestFirst = [...contents].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((content) => content.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'g');
};

/** Cuts a text at tokens, then lets the tokens take the white space that goes with them. */
const cutAt = (text: Traced, pattern: RegExp | null, tokens: ReadonlyMap<string, AddedToken>): Section[] => {
  const ranges: [number, number][] = [];
  let from = 0;
  if (pattern !== null)
    for (const match of text.text.matchAll(pattern)) {
      const end = match.index + match[0].length;
      if (match.index > from) ranges.push([from, match.index]);
      ranges.push([match.index, end]);
      from = end;
    }
  if (from < text.text.length) ranges.push([from, text.text.length]);
  const contentOf = ([start, end]: readonly [number, number]): string => text.text.slice(start, end);
  for (const [i, range] of ranges.entries()) {
    const token = tokens.get(contentOf(range));
    const [before, after] = [ranges[i - 1], ranges[i + 1]];
    if (token?.lstrip && before !== undefined) before[1] = before[0] + contentOf(before).trimEnd().length;
    if (token?.rstrip && after !== undefined) after[0] = after[1] - contentOf(after).trimStart().length;
  }
  // A part is a token if it reads as one, found or not: so the package does it.
  return ranges
    .filter(([start, end]) => end > start)
    .map((range) => ({ text: slice(text, ...range), token: tokens.get(contentOf(range)) ?? null }));
};

/**
 * Cuts texts at added tokens: those of the text as given first, those of the normalised text after it.
 *
 * @returns for a text its sections in order, each with whether nothing stands before the section it was cut from.
 */
export const addedTokenCutter = (
  added: readonly AddedToken[],
  normalizer: Normalizer | null,
): ((text: string) => (Section & { readonly first: boolean })[]) => {
  const tokens = new Map<string, AddedToken>();
  const [given, normalised]: [string[], string[]] = [[], []];
  for (const token of added) {
    tokens.set(token.content, token);
    if (token.normalized && normalizer !== null) {
      const content = normalizer(traced(token.content)).text;
      if (content !== '') normalised.push(content);
      tokens.set(content, token);
    } else given.push(token.content);
  }
  const [inGiven, inNormalised] = [anyOf(given), anyOf(normalised)];
  return (text) =>
    cutAt(traced(text), inGiven, tokens).flatMap((section, i) => {
      if (section.token !== null) return [{ ...section, first: i === 0 }];
      const rewritten = normalizer === null ? section.text : normalizer(section.text);
      return cutAt(rewritten, inNormalised, tokens).map((part) => ({ ...part, first: i === 0 }));
    });
};
