/**
 * The records of CoNLL files (Tjong Kim Sang and De Meulder 2003, and all that copied the layout): a line a word, its tag
 * last, a blank line after each sentence.
 *
 * - Columns are parted by tabs where a line has one, else by spaces; any number from two on, the same in the whole file.
 *   The first is the word, the last the tag.
 * - A line of white space alone is blank; several follow each other, and the last sentence needs none.
 * - `-DOCSTART-` lines part documents and are no words; wikigold has none before its first and one after its last.
 * - Tags are O, B-type, I-type; the type may hold hyphens and is taken as it is written. IOB1 and IOB2 are told apart, and
 *   tags come out in IOB2.
 */
import { DataError } from '../../errors.ts';
import { toIob2 } from './entities.ts';

/** How the tags of a file say where an entity begins. */
export type Scheme = 'IOB1' | 'IOB2';

export interface TaggedSentence {
  readonly words: readonly string[];
  /** IOB2, one for each word. */
  readonly tags: readonly string[];
  /** From 0; one document unless the file has -DOCSTART- lines. */
  readonly document: number;
}

export interface ConllRecords {
  readonly sentences: readonly TaggedSentence[];
  readonly documents: number;
  /** As the file has it. */
  readonly scheme: Scheme;
  /** In alphabetical order. */
  readonly types: readonly string[];
}

export const conllLayout =
  'CoNLL: a word a line, two columns or more parted by tabs or spaces, the tag (O, B-type, I-type) last, a blank line after each sentence';

/** A word with its tag. */
export interface Line {
  /** Of the line, or the row that it stands in, from 1. */
  readonly number: number;
  readonly word: string;
  readonly tag: string;
}

const faultAt = (place: string, received: string, expected: string, advice?: string): DataError =>
  new DataError({ operation: 'read CoNLL', received: `${received} at ${place}`, expected, advice });

const fault = (received: string, name: string, line: number, expected: string, advice?: string): DataError =>
  faultAt(`${name}:${line}`, received, expected, advice);

const columnsOf = (line: string): string[] =>
  line.includes('\t') ? line.replace(/\t+$/, '').split('\t') : line.replace(/ +$/, '').split(/ +/);

/** The first line whose tag the scheme does not allow, or null. */
const firstAgainst = (scheme: Scheme, sentences: readonly (readonly Line[])[]): Line | null => {
  for (const lines of sentences)
    for (const [i, line] of lines.entries()) {
      const follows = i > 0 && lines[i - 1].tag !== 'O' && lines[i - 1].tag.slice(2) === line.tag.slice(2);
      // IOB2 begins every entity with B-; IOB1 only one that follows another of its type.
      if (line.tag.startsWith(scheme === 'IOB2' ? 'I-' : 'B-') && !follows) return line;
    }
  return null;
};

const schemeOf = (sentences: readonly (readonly Line[])[], placeOf: (number: number) => string): Scheme => {
  const againstIob2 = firstAgainst('IOB2', sentences);
  if (againstIob2 === null) return 'IOB2';
  const againstIob1 = firstAgainst('IOB1', sentences);
  if (againstIob1 === null) return 'IOB1';
  throw faultAt(
    placeOf(againstIob2.number),
    `${againstIob2.tag}, which IOB2 does not allow here,`,
    `tags of one scheme; ${placeOf(againstIob1.number)} has ${againstIob1.tag}, which IOB1 does not allow there`,
    'Mend the line; `parseConll` told the scheme IOB1 lets every I- begin an entity that continues none.',
  );
};

/** Whether a text is O, B-type or I-type. */
export const isTag = (tag: string): boolean => /^(?:O|[BI]-.+)$/u.test(tag);

/** Sentences as they stand in a file, and how to name a place of it. */
export interface ReadSentences {
  readonly sentences: readonly (readonly Line[])[];
  /** Of each sentence, from 0. */
  readonly documentOf: readonly number[];
  readonly documents: number;
  readonly placeOf: (number: number) => string;
}

/**
 * Sentences as records, in IOB2.
 *
 * @throws DataError for a tag that the scheme does not allow.
 */
export const taggedRecords = (
  { sentences, documentOf, documents, placeOf }: ReadSentences,
  scheme: Scheme | 'found out',
): ConllRecords => {
  const read = scheme === 'found out' ? schemeOf(sentences, placeOf) : scheme;
  const against = read === 'IOB2' ? firstAgainst('IOB2', sentences) : null;
  if (against) throw faultAt(placeOf(against.number), against.tag, 'an entity that begins with B-, as in IOB2');
  const types = new Set(sentences.flat().flatMap(({ tag }) => (tag === 'O' ? [] : [tag.slice(2)])));
  return {
    sentences: sentences.map((own, s) => ({
      words: own.map(({ word }) => word),
      tags: toIob2(own.map(({ tag }) => tag)),
      document: documentOf[s],
    })),
    documents,
    scheme: read,
    types: [...types].sort(),
  };
};

/**
 * The records of a file.
 *
 * @param lines the file's lines; @param name its path, for errors.
 * @param scheme stated or found out. IOB1 takes files that mix the two: an `I-` that continues nothing begins an entity.
 * @throws DataError naming file and line for fewer than two columns or another number than before, an empty word, a tag
 *   that is none, or one that the scheme does not allow; and for a file without words.
 */
export const parseConll = (
  lines: readonly string[],
  name: string,
  scheme: Scheme | 'found out' = 'found out',
): ConllRecords => {
  const sentences: Line[][] = [];
  const documentOf: number[] = [];
  let [documents, width, open, begins] = [0, 0, false, true];
  for (const [i, line] of lines.entries()) {
    const number = i + 1;
    if (line.trim() === '') {
      open = false;
      continue;
    }
    const columns = columnsOf(line);
    if (columns[0] === '-DOCSTART-') {
      [open, begins] = [false, true];
      continue;
    }
    if (columns.length < 2) throw fault(`${columns.length} column`, name, number, conllLayout);
    if (width === 0) width = columns.length;
    if (columns.length !== width)
      throw fault(`${columns.length} columns`, name, number, `${width}, as on the lines before`, conllLayout);
    const [word, tag] = [columns[0], columns[width - 1]];
    if (word === '') throw fault('an empty word', name, number, 'a word');
    if (!isTag(tag)) throw fault(`the tag ${JSON.stringify(tag.slice(0, 40))}`, name, number, 'O, B-type or I-type');
    if (!open) {
      if (begins) documents++;
      begins = false;
      sentences.push([]);
      documentOf.push(documents - 1);
    }
    open = true;
    sentences[sentences.length - 1].push({ number, word, tag });
  }
  if (sentences.length === 0) throw fault('no word', name, Math.max(1, lines.length), conllLayout);
  const placeOf = (number: number): string => `${name}:${number}`;
  return taggedRecords({ sentences, documentOf, documents, placeOf }, scheme);
};
