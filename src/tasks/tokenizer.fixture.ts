import type { Encoding, Piece, Tokenizer } from '../text/tokenizer.ts';

/**
 * A tokenizer for tests: words and single signs are pieces, in lower case, numbered as they come up; words of over four
 * letters are cut after the fourth. [PAD] 0, [CLS] 1, [SEP] 2. U+FE0F vanishes, as it does in BERT.
 */
export const testTokenizer = (): Tokenizer & { readonly words: (ids: ArrayLike<number>) => string } => {
  const known = ['[PAD]', '[CLS]', '[SEP]'];
  const idOf = (piece: string): number => {
    const id = known.indexOf(piece);
    return id >= 0 ? id : known.push(piece) - 1;
  };
  const pieces = (text: string): Piece[] =>
    [
      ...text
        .toLowerCase()
        .replaceAll('\ufe0f', ' ')
        .matchAll(/[\p{L}\p{N}]+|\S/gu),
    ].flatMap(({ 0: word, index }) => {
      const cut = word.length > 4 ? [word.slice(0, 4), word.slice(4)] : [word];
      return cut.map((piece, i) => {
        const start = index + 4 * i;
        return { id: idOf((i > 0 ? '##' : '') + piece), start, end: start + piece.length };
      });
    });
  const join = (
    a: readonly Piece[],
    b: readonly Piece[] | null = null,
    length = Number.POSITIVE_INFINITY,
  ): Encoding => {
    let [n, m] = [a.length, b?.length ?? 0];
    while (n + m + (b ? 3 : 2) > length) m >= n ? m-- : n--;
    const tokens = [
      [1, 0, -1, -1],
      ...a.slice(0, n).map(({ id }, i) => [id, 0, 0, i]),
      [2, 0, -1, -1],
      ...(b ? [...b.slice(0, m).map(({ id }, i) => [id, 1, 1, i]), [2, 1, -1, -1]] : []),
    ];
    const column = (i: number): number[] => tokens.map((token) => token[i]);
    return {
      tokens: Int32Array.from(column(0)),
      segments: Uint8Array.from(column(1)),
      sequence: Int8Array.from(column(2)),
      piece: Int32Array.from(column(3)),
    };
  };
  const decode = (ids: ArrayLike<number>): string => Array.from(ids, (id) => known[id]).join(' ');
  return {
    size: 10_000,
    pad: 0,
    unknown: 0,
    cls: 1,
    sep: 2,
    mask: null,
    pieces,
    join,
    specials: (pair) => (pair ? 3 : 2),
    decode,
    words: decode,
  };
};
