import type { AddedToken } from './added.ts';
import { ByteLevelDecoder, MetaspaceDecoder, WordPieceDecoder } from './package.ts';
import { refuse, settings } from './settings.ts';

const decoders = { WordPiece: WordPieceDecoder, ByteLevel: ByteLevelDecoder, Metaspace: MetaspaceDecoder };

/**
 * The `decoder` of a tokenizer.json: tokens to text. Special tokens stay; spaces before punctuation stay too.
 *
 * @throws DataError for a kind that is not known.
 */
export const readDecoder = (value: unknown, added: readonly AddedToken[]): ((tokens: readonly string[]) => string) => {
  const config = settings(value, 'decoder');
  const kind = config.type;
  if (kind !== 'WordPiece' && kind !== 'ByteLevel' && kind !== 'Metaspace')
    throw refuse('decoder', String(kind), Object.keys(decoders).join(', '));
  const decoder = new decoders[kind]({ ...config, cleanup: false });
  // Byte-level decoding must not read the letters of added tokens as bytes.
  decoder.added_tokens = added;
  return (tokens) => decoder.decode(tokens);
};
