import { UsageError } from '../errors.ts';
import { foldIn, integers, type Key, permutation, uniform } from '../random.ts';
import { type Block, noWord, wordBegins } from './corpus.ts';

export interface MaskOptions {
  /** The token put for most of the chosen ones. */
  readonly mask: number;
  /** Replacements are drawn from [0, size) without the special tokens. */
  readonly size: number;
  /** Tokens that are no replacement: special ones. */
  readonly isSpecial: (id: number) => boolean;
  /** The part of the pieces that is to be predicted. Default 0.15. */
  readonly rate?: number;
  /** Choose whole words instead of single pieces. */
  readonly wholeWords?: boolean;
}

/** A block with tokens hidden, shapes [token]. */
export interface Masked {
  readonly tokens: Int32Array;
  /** The token that was there where it is to be predicted, -1 elsewhere. */
  readonly targets: Int32Array;
}

/** The positions that are chosen together: single pieces, or the pieces of a word. Special tokens are in none. */
const units = (block: Block, wholeWords: boolean): number[][] => {
  const found: number[][] = [];
  let open = false;
  for (const [i, kind] of block.words.entries()) {
    if (kind === noWord) open = false;
    else if (wholeWords && kind !== wordBegins && open) found[found.length - 1]!.push(i);
    else {
      found.push([i]);
      open = true;
    }
  }
  return found;
};

/** The tokens that may stand for another. */
const ordinaryTokens = ({ size, isSpecial }: MaskOptions): number[] =>
  Array.from({ length: size }, (_, id) => id).filter((id) => !isSpecial(id));

/**
 * Hides tokens for masked-language modelling (Devlin et al. 2019, §3.1 and appendix A.1): round(rate · pieces), at least
 * one, are to be predicted; of these 80 % become the mask, 10 % a random token, 10 % stay. Whole words are chosen in
 * random order, one that would go past the number being passed over unless it is the first.
 *
 * @returns a function that is pure: what it does to a block depends on (key, epoch, index) alone, so that a resumed
 *   run hides what the uninterrupted one does.
 * @throws UsageError for a rate outside (0, 1) or a vocabulary of special tokens only.
 */
export const masking = (options: MaskOptions): ((key: Key, epoch: number, index: number, block: Block) => Masked) => {
  const { mask, rate = 0.15, wholeWords = false } = options;
  if (!(rate > 0 && rate < 1))
    throw new UsageError({ operation: 'masking', received: `a rate of ${rate}`, expected: 'a rate between 0 and 1' });
  const ordinary = ordinaryTokens(options);
  if (ordinary.length === 0)
    throw new UsageError({ operation: 'masking', received: 'special tokens only', expected: 'other tokens too' });
  return (key, epoch, index, block) => {
    const own = foldIn(foldIn(foldIn(key, 'masking'), epoch), index);
    const tokens = block.tokens.slice();
    const targets = new Int32Array(tokens.length).fill(-1);
    const candidates = units(block, wholeWords);
    const pieces = candidates.reduce((sum, positions) => sum + positions.length, 0);
    const wanted = Math.max(1, Math.round(pieces * rate));
    const fates = uniform(foldIn(own, 'fate'), tokens.length);
    const others = integers(foldIn(own, 'replacement'), tokens.length, 0, ordinary.length);
    let chosen = 0;
    for (const unit of permutation(foldIn(own, 'order'), candidates.length)) {
      const positions = candidates[unit]!;
      if (chosen > 0 && chosen + positions.length > wanted) continue;
      for (const i of positions) {
        targets[i] = tokens[i]!;
        if (fates[i]! < 0.8) tokens[i] = mask;
        else if (fates[i]! < 0.9) tokens[i] = ordinary[others[i]!]!;
      }
      chosen += positions.length;
      if (chosen >= wanted) break;
    }
    return { tokens, targets };
  };
};
