import type { Encoding, Piece, Tokenizer } from '../text/tokenizer.ts';

/**
 * A tokenizer for tests: words between white space, cut into pieces of `most` code points; what is U+FE0F alone vanishes,
 * as in BERT's cleaning. Ids come from the pieces' letters. The family says which special tokens stand around two texts.
 */
export const letterPieces = (most = 3, family: 'bert' | 'roberta' = 'bert'): Tokenizer => {
  const [pad, unknown, cls, sep] = [0, 1, 2, 3];
  const size = 1000;
  const id = (text: string): number => 4 + ([...text].reduce((sum, c) => sum * 31 + c.codePointAt(0)!, 7) % (size - 4));
  const pieces = (text: string): Piece[] => {
    const found: Piece[] = [];
    for (const word of text.matchAll(/\S+/g)) {
      let start = word.index;
      const letters = [...word[0]];
      for (let i = 0; i < letters.length; i += most) {
        const piece = letters.slice(i, i + most).join('');
        const end = start + piece.length;
        if (piece.replaceAll('\ufe0f', '') !== '') found.push({ id: id(piece), start, end });
        start = end;
      }
    }
    return found;
  };
  const specials = (pair: boolean) => (pair ? (family === 'bert' ? 3 : 4) : 2);
  const join = (a: readonly Piece[], b?: readonly Piece[] | null, length = Number.POSITIVE_INFINITY): Encoding => {
    const [first, second] = [[...a], b ? [...b] : null];
    while (first.length + (second?.length ?? 0) + specials(second !== null) > length)
      (second === null || first.length > second.length ? first : second).pop();
    const special = (tokenId: number, segment = 0) => ({ id: tokenId, segment, sequence: -1, piece: -1 });
    const text = (of: readonly Piece[], sequence: number) =>
      of.map((piece, i) => ({ id: piece.id, segment: family === 'bert' ? sequence : 0, sequence, piece: i }));
    const between = family === 'bert' ? [special(sep)] : [special(sep), special(sep)];
    const all = [special(cls), ...text(first, 0), ...(second ? between : [])];
    if (second) all.push(...text(second, 1));
    all.push(special(sep, second && family === 'bert' ? 1 : 0));
    return {
      tokens: Int32Array.from(all, (token) => token.id),
      segments: Uint8Array.from(all, (token) => token.segment),
      sequence: Int8Array.from(all, (token) => token.sequence),
      piece: Int32Array.from(all, (token) => token.piece),
    };
  };
  return {
    size,
    pad,
    unknown,
    cls,
    sep,
    mask: null,
    pieces,
    join,
    specials,
    decode: (ids) => Array.from(ids).join(' '),
  };
};
