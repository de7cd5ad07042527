import * as everything from '@huggingface/tokenizers';

/** Splits words into tokens by one model. */
interface PackageModel {
  encode(words: readonly string[]): string[];
}

interface PackageDecoder {
  added_tokens: readonly { readonly content: string }[];
  decode(tokens: readonly string[]): string;
}

/** What is used of `@huggingface/tokenizers`; its own types name these but are not found by Node's resolution. */
interface Parts {
  readonly WordPiece: new (config: object) => PackageModel;
  readonly BPE: new (config: object) => PackageModel;
  readonly Unigram: new (config: object, eos: string) => PackageModel;
  readonly ReplaceNormalizer: new (config: object) => { readonly pattern: RegExp | null };
  readonly WordPieceDecoder: new (config: object) => PackageDecoder;
  readonly ByteLevelDecoder: new (config: object) => PackageDecoder;
  readonly MetaspaceDecoder: new (config: object) => PackageDecoder;
}

export const { WordPiece, BPE, Unigram, ReplaceNormalizer, WordPieceDecoder, ByteLevelDecoder, MetaspaceDecoder } =
  everything as unknown as Parts;
