import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { splitLines } from '../../text/lines.ts';
import { parseConll, type Scheme } from './conll.ts';

const parse = (text: string, scheme?: Scheme) =>
  parseConll(splitLines(new TextEncoder().encode(text), 'f.conll'), 'f.conll', scheme);
const brief = (text: string) =>
  parse(text).sentences.map(({ words, tags }) => words.map((word, i) => `${word}/${tags[i]}`).join(' '));

describe('lines of CoNLL', () => {
  it('have their tag last, in any number of columns, by tabs or spaces', () => {
    expect(brief('EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n')).toEqual(['EU/B-ORG rejects/O']);
    expect(brief('a b\tB-creative-work\nc\tI-creative-work\n')).toEqual(['a b/B-creative-work c/I-creative-work']);
    expect(brief('The   B-x  \nfox   I-x')).toEqual(['The/B-x fox/I-x']);
    // Not white space that parts columns.
    expect(brief('\u00a0 O\n\u200b O\n\ufeff\tO\n')).toEqual(['\u00a0/O \u200b/O \ufeff/O']);
  });

  it('end a sentence where they are blank, of white space or not, once or often', () => {
    const text = '\n\t\na O\n\t\nb O\n\n \n\nc O\nd O\n\n';
    expect(brief(text)).toEqual(['a/O', 'b/O', 'c/O d/O']);
  });

  it('tell documents apart by -DOCSTART-, which is no word', () => {
    const { sentences, documents } = parse('-DOCSTART- -X- O O\n\na x y O\n\n-DOCSTART- -X- O O\nb x y O\n\nc x y O\n');
    expect(documents).toBe(2);
    expect(sentences.map(({ words, document }) => [words[0], document])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 1],
    ]);
    expect(parse('a O\n').documents).toBe(1);
    const later = parse('a O\n\n-DOCSTART- O\n\nb O\n\n-DOCSTART- O\n');
    // One may stand after the last document, and then before the first there is none.
    expect([later.documents, ...later.sentences.map(({ document }) => document)]).toEqual([2, 0, 1]);
  });

  it('are named where they are not the layout', () => {
    const refused = (text: string, message: RegExp, scheme?: Scheme) => {
      expect(() => parse(text, scheme)).toThrow(message);
      expect(() => parse(text, scheme)).toThrow(DataError);
    };
    refused('a O\nb\n', /1 column at f\.conll:2/);
    refused('a O\n\nb x O\n', /3 columns at f\.conll:3, expected 2/);
    refused('a O\n\tO\n', /an empty word at f\.conll:2/);
    refused('a E-x\n', /the tag "E-x" at f\.conll:1, expected O, B-type or I-type/);
    refused('a B-\n', /the tag "B-" at f\.conll:1/);
    refused('a o\n', /the tag "o"/);
    refused('\n\n', /no word at f\.conll:2/);
    refused('-DOCSTART- O\n', /no word/);
    refused('a B-x\nb O\nc I-x\n', /I-x, which IOB2 .* at f\.conll:3, .* f\.conll:1 has B-x, which IOB1/);
    refused('a O\nb I-x\n', /I-x at f\.conll:2, expected an entity that begins with B-/, 'IOB2');
  });
});

describe('the scheme of the tags', () => {
  it('is found out, and tags come out in IOB2', () => {
    const iob1 = parse('a I-x\nb I-x\nc B-x\nd I-y\n\ne I-y\n');
    expect(iob1.scheme).toBe('IOB1');
    expect(iob1.sentences.map(({ tags }) => tags)).toEqual([['B-x', 'I-x', 'B-x', 'B-y'], ['B-y']]);
    expect(iob1.types).toEqual(['x', 'y']);
    const iob2 = parse('a B-x\nb I-x\nc B-x\n');
    expect([iob2.scheme, ...iob2.sentences[0].tags]).toEqual(['IOB2', 'B-x', 'I-x', 'B-x']);
    expect(parse('a O\n').scheme).toBe('IOB2');
  });

  it('may be stated: IOB1 takes a mixture', () => {
    expect(parse('a B-x\nb O\nc I-x\n', 'IOB1').sentences[0].tags).toEqual(['B-x', 'O', 'B-x']);
  });

  it('does not change what is read back', () => {
    const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }).filter((w) => !/[\s\ufeff]/.test(w));
    const entity = fc.tuple(fc.constantFrom('O', 'x', 'y-z'), fc.integer({ min: 1, max: 3 }));
    const tagged = fc
      .array(entity, { minLength: 1, maxLength: 6 })
      .map((all) =>
        all.flatMap(([type, n]) =>
          Array.from({ length: n }, (_, i) => (type === 'O' ? 'O' : `${i === 0 ? 'B' : 'I'}-${type}`)),
        ),
      );
    const toIob1 = (tags: string[]) =>
      tags.map((tag, i) =>
        tag[0] === 'B' && (i === 0 || tags[i - 1].slice(2) !== tag.slice(2)) ? `I${tag.slice(1)}` : tag,
      );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(tagged, fc.array(word, { minLength: 18, maxLength: 18 })), { minLength: 1, maxLength: 3 }),
        fc.constantFrom('\t', ' ', ' x '),
        fc.boolean(),
        (sentences, between, first) => {
          const rows = sentences.map(([tags, words]) =>
            (first ? toIob1(tags) : tags).map((tag, i) => `${words[i]}${between}${tag}`).join('\n'),
          );
          const { sentences: read } = parse(`${rows.join('\n\n')}\n`, first ? 'IOB1' : 'IOB2');
          expect(read.map(({ tags }) => tags)).toEqual(sentences.map(([tags]) => tags));
          expect(read.map(({ words }) => words)).toEqual(sentences.map(([tags, words]) => words.slice(0, tags.length)));
        },
      ),
      { numRuns: 40 },
    );
  });
});
