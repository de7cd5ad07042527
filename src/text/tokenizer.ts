/** A piece of a text: its id and the UTF-16 range [start, end) of the text as given that it stands for. */
export interface Piece {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** One or two texts joined by special tokens; every array has one entry per token. */
export interface Encoding {
  readonly tokens: Int32Array;
  /** 0 or 1, as the model's segment embedding counts them. */
  readonly segments: Uint8Array;
  /** -1 for a special token, 0 for the first text, 1 for the second. */
  readonly sequence: Int8Array;
  /** The index into that text's pieces, -1 for a special token. */
  readonly piece: Int32Array;
}

/** Text to ids and back, for one family of models (BERT, RoBERTa, ALBERT). */
export interface Tokenizer {
  /** Ids lie in [0, size). */
  readonly size: number;
  readonly pad: number;
  readonly unknown: number;
  readonly cls: number;
  readonly sep: number;
  readonly mask: number | null;
  /** The pieces of a text, without special tokens. A text may have none. */
  pieces(text: string): readonly Piece[];
  /**
   * Special tokens put around one or two texts: BERT and ALBERT [CLS] a [SEP] b [SEP] with segments 0 and 1, RoBERTa
   * <s> a </s></s> b </s> with segments 0. Cut to `length` where given: one piece at a time from the end of the longer
   * text, of the second where they are equally long.
   */
  join(a: readonly Piece[], b?: readonly Piece[] | null, length?: number): Encoding;
  /** How many special tokens a join of one text, or of a pair, adds. */
  specials(pair: boolean): number;
  /** Ids as text. */
  decode(ids: ArrayLike<number>): string;
}

/** What a tokenizer that was read also tells of its tokens. */
export interface PieceTokenizer extends Tokenizer {
  /** A token as the vocabulary has it: "##ing", "\u0120the"; the unknown token for an id outside. */
  token(id: number): string;
  isSpecial(id: number): boolean;
  /** Whether a piece goes on with a word that an earlier piece began, as "##ing" does. */
  continues(id: number): boolean;
  /** What to put before a word that is given by itself, so that its pieces are those it has inside a sentence. */
  readonly wordPrefix: string;
}

export { readTokenizer } from './read-tokenizer.ts';
