/** Two texts of the embedded language side by side: what its pairs and its questions share. */
import { embeddedVocabulary } from './embedded.ts';
import { longestSentence } from './embedded-sentences.ts';
import type { Sequence } from './types.ts';

/** The embedded language's own words, at the same ids, and what pairs and questions add. */
export const embeddedJoinedVocabulary: readonly string[] = [...embeddedVocabulary, '[SEP]', 'who', 'what', '?'];

/** The shorter of the two texts has at most so many words, its last sign included: `who is followed by the gull ?`, `the gull is followed by the captain .` */
const shorter = 8;

/** [CLS] a [SEP] b [SEP]. */
export const embeddedJoinedLength = longestSentence + shorter + 3;

const ids = new Map(embeddedJoinedVocabulary.map((word, id) => [word, id]));

/** [CLS] a [SEP] b [SEP], segments 0 up to the first [SEP], then 1. */
export const joinWords = (a: readonly string[], b: readonly string[]): Sequence => {
  const words = ['[CLS]', ...a, '[SEP]', ...b, '[SEP]'];
  return {
    tokens: Int32Array.from(words, (word) => ids.get(word)!),
    segments: Uint8Array.from(words, (_, i) => Number(i > a.length + 1)),
  };
};

/** The words of both texts, without special tokens. */
export const wordsOfJoined = (tokens: ArrayLike<number>): { readonly a: string[]; readonly b: string[] } => {
  const words = Array.from(tokens, (id) => embeddedJoinedVocabulary[id]);
  const middle = words.indexOf('[SEP]');
  return { a: words.slice(1, middle), b: words.slice(middle + 1, words.lastIndexOf('[SEP]')) };
};
