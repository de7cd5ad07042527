import { UsageError } from '../errors.ts';
import { type ReadFile, readLines } from './lines.ts';
import type { PieceTokenizer } from './tokenizer.ts';

/** Lines of text that belong together; nothing links one document to the next. */
export interface Document {
  readonly source: string;
  readonly lines: readonly string[];
}

const wikiTitle = /^ ?= [^=].*[^=] = ?$|^ ?= [^=] = ?$/;
const wikiHeading = /^ ?(?:= )+.* (?:= ?)+$/;
const numberedSentence = /^\d+\t/;

/** Wikitext's marks undone: "12 @-@ year" is "12-year" again; "<unk>", a word that was taken out, is `unknown`. */
const unmarked = (line: string, unknown: string): string =>
  line
    .trim()
    .replaceAll(/ @([-,.])@ /g, '$1')
    .replaceAll('<unk>', () => unknown);

/** Lines to documents at every line for which `ends` holds; neither such lines nor empty ones are kept. */
const cutAt = (lines: readonly string[], ends: (line: string) => boolean): string[][] => {
  const documents: string[][] = [[]];
  for (const line of lines) {
    if (ends(line)) documents.push([]);
    else if (line.trim() !== '') documents[documents.length - 1]!.push(line);
  }
  return documents.filter((document) => document.length > 0);
};

/**
 * The documents of a text file, by the layout that its lines show:
 * - numbered sentences (every line "number<TAB>sentence", as the Leipzig corpora): each is a document of its own;
 * - wikitext (titles " = Title = "): a document an article; headings are left out, `@-@` and `<unk>` undone;
 * - anything else: a document a paragraph, empty lines (or of spaces) being between them.
 *
 * @param unknown the word put for wikitext's `<unk>`; BERT's by default, which tokenizers read as their unknown token.
 */
export const splitDocuments = (lines: readonly string[], source: string, unknown = '[UNK]'): Document[] => {
  const filled = lines.filter((line) => line.trim() !== '');
  if (filled.length > 0 && filled.every((line) => numberedSentence.test(line)))
    return filled
      .map((line) => line.slice(line.indexOf('\t') + 1))
      .filter((sentence) => sentence.trim() !== '')
      .map((sentence) => ({ source, lines: [sentence] }));
  const wiki = lines.some((line) => wikiTitle.test(line));
  const documents = wiki
    ? cutAt(
        lines.filter((line) => wikiTitle.test(line) || !wikiHeading.test(line)),
        (line) => wikiTitle.test(line),
      ).map((document) => document.map((line) => unmarked(line, unknown)))
    : cutAt(lines, (line) => line.trim() === '');
  return documents.map((document) => ({ source, lines: document }));
};

/**
 * The documents of text files in order, by {@link splitDocuments}.
 *
 * @throws DataError where a file cannot be read, is empty or is not UTF-8.
 */
export const readCorpus = async (paths: readonly string[], read: ReadFile, unknown?: string): Promise<Document[]> => {
  const documents: Document[] = [];
  // One by one: as arguments of one call a few hundred thousand documents overflow the stack.
  for (const path of paths)
    for (const document of splitDocuments(await readLines(path, 'plain text in UTF-8', read), path, unknown))
      documents.push(document);
  return documents;
};

/** A block of tokens to pretrain on, special tokens around it. */
export interface Block {
  /** Shape [token], at most the length that was packed to. */
  readonly tokens: Int32Array;
  /** Per token: 1 where a word begins, 0 where it goes on, 2 for a special token. Shape [token]. */
  readonly words: Uint8Array;
}

export const wordBegins = 1;
export const wordGoesOn = 0;
export const noWord = 2;

/**
 * Documents packed into blocks of `length` tokens, [CLS] … [SEP]: pieces run on from line to line, a [SEP] stands
 * between documents (RoBERTa's "full sentences", Liu et al. 2019 §4.2). All blocks are full but the last.
 *
 * @throws UsageError for a length that holds no piece.
 */
export const packBlocks = (
  documents: Iterable<Pick<Document, 'lines'>>,
  tokenizer: PieceTokenizer,
  length: number,
): Block[] => {
  const blocks: Block[] = [];
  const room = length - 2;
  if (!Number.isInteger(length) || room < 1)
    throw new UsageError({
      operation: 'pack blocks',
      received: `a length of ${length}`,
      expected: 'at least 3 tokens',
    });
  const tokens: number[] = [];
  const words: number[] = [];
  /** Makes blocks of what has gathered: whole ones, and at the end what is left. */
  const close = (least: number): void => {
    let from = 0;
    for (; tokens.length - from >= least; from += room) {
      const to = Math.min(from + room, tokens.length);
      blocks.push({
        tokens: Int32Array.of(tokenizer.cls, ...tokens.slice(from, to), tokenizer.sep),
        words: Uint8Array.of(noWord, ...words.slice(from, to), noWord),
      });
    }
    tokens.splice(0, from);
    words.splice(0, from);
  };
  let begun = false;
  for (const { lines } of documents) {
    if (begun && tokens.length > 0) {
      tokens.push(tokenizer.sep);
      words.push(noWord);
    }
    begun = true;
    for (const [i, line] of lines.entries()) {
      const lead = i === 0 ? '' : tokenizer.wordPrefix;
      for (const [j, { id }] of tokenizer.pieces(lead + line).entries()) {
        tokens.push(id);
        const goesOn = j > 0 && tokenizer.continues(id);
        words.push(tokenizer.isSpecial(id) ? noWord : goesOn ? wordGoesOn : wordBegins);
      }
      close(room);
    }
  }
  close(1);
  return blocks;
};
