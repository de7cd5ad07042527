import { describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { findDataset } from '../datasets.ts';
import { parseSource } from '../source.ts';
import { testTokenizer } from '../tokenizer.fixture.ts';
import type { Output } from '../types.ts';

/** The records of a file of one JSON object a line. */
const read = async (name: string, objects: readonly unknown[], labels: 'required' | 'optional' = 'required') => {
  const text = objects.map((object) => (typeof object === 'string' ? object : JSON.stringify(object))).join('\n');
  const source = await parseSource(new TextEncoder().encode(text), 'f.jsonl');
  return findDataset(name)!.records(source, labels).rows;
};
const outputs = (...values: number[][]): Output[] => values.map((value) => Float32Array.from(value));

const boolq = { question: 'is it so', passage: 'It is so.', idx: 7, label: true };
const cb = { premise: 'It rose.', hypothesis: 'it rose', label: 'contradiction', idx: 0 };
const copa = {
  premise: 'I fell.',
  choice1: 'It hurt.',
  choice2: 'I flew.',
  question: 'effect',
  label: 1,
  idx: 0,
};
const multirc = {
  idx: 3,
  version: 1.1,
  passage: {
    text: 'Ann met Bo.',
    questions: [
      {
        question: 'Who met?',
        idx: 5,
        answers: [
          { text: 'Ann', idx: 9, label: 1 },
          { text: 'Cy', idx: 10, label: 0 },
        ],
      },
      { question: 'Whom?', idx: 6, answers: [{ text: 'Bo', idx: 11, label: 1 }] },
    ],
  },
};
const record = {
  source: 'CNN',
  passage: {
    text: 'Ann Lee met Bo.\n@highlight\nBo and Ann Lee left',
    entities: [
      { start: 12, end: 13 },
      { start: 0, end: 6 },
      { start: 27, end: 28 },
      { start: 34, end: 40 },
    ],
  },
  qas: [
    {
      query: '@placeholder, who met Bo, left.',
      idx: 4,
      answers: [
        { start: 0, end: 6, text: 'Ann Lee' },
        { start: 34, end: 40, text: 'Ann Lee' },
      ],
    },
  ],
  idx: 2,
};
const wic = {
  word: 'buy',
  sentence1: 'He bought it.',
  sentence2: 'Buy now!',
  idx: 8,
  label: false,
  start1: 3,
  end1: 9,
  start2: 0,
  end2: 3,
  version: 1.1,
};
const wsc = {
  text: 'Mark told Pete that he was late.',
  target: { span1_text: 'Mark', span1_index: 0, span2_text: 'he', span2_index: 4 },
  idx: 0,
  label: true,
};

describe("SuperGLUE's records", () => {
  it('of pairs have labels of words and of booleans', async () => {
    expect(await read('boolq', [boolq])).toEqual([{ first: 'is it so', second: 'It is so.', label: 1 }]);
    expect(await read('cb', [cb])).toEqual([{ first: 'It rose.', second: 'it rose', label: 1 }]);
    await expect(read('boolq', [{ ...boolq, label: 1 }])).rejects.toThrow(
      /the label 1 at f\.jsonl:1, expected false or true/,
    );
    await expect(read('cb', [cb, { ...cb, label: true }])).rejects.toThrow(/the label true at f\.jsonl:2/);
    const ax = { sentence1: 'a', sentence2: 'b', label: 'not_entailment', logic: '', idx: 0 };
    expect(await read('axb', [ax])).toEqual([{ first: 'a', second: 'b', label: 1 }]);
  });

  it('of COPA have two choices', async () => {
    expect(await read('copa', [copa])).toEqual([
      { premise: 'I fell.', question: 'effect', choices: ['It hurt.', 'I flew.'], label: 1 },
    ]);
    await expect(read('copa', [{ ...copa, question: 'why' }])).rejects.toThrow(/question: .* at f\.jsonl:1/);
    await expect(read('copa', [{ ...copa, label: 2 }])).rejects.toThrow(/the label 2/);
    await expect(read('copa', [{ ...copa, label: true }])).rejects.toThrow(/the label true/);
  });

  it('of MultiRC are questions', async () => {
    expect(await read('multirc', [multirc])).toMatchObject([
      { question: 'Who met?', answers: [{ text: 'Ann', label: 1 }, { label: 0 }] },
      { passage: 'Ann met Bo.', question: 'Whom?', answers: [{ text: 'Bo', label: 1 }] },
    ]);
  });

  it('of ReCoRD have every name once, its last character included', async () => {
    expect(await read('record', [record])).toEqual([
      {
        passage: record.passage.text,
        query: '@placeholder, who met Bo, left.',
        entities: ['Bo', 'Ann Lee'],
        answers: ['Ann Lee'],
      },
    ]);
    const withEntity = (entity: object) => ({ ...record, passage: { ...record.passage, entities: [entity] } });
    const { passage } = multirc;
    const silent = { ...multirc, passage: { ...passage, questions: [{ question: 'Who met?', answers: [] }] } };
    await expect(read('multirc', [silent])).rejects.toThrow(/passage\.questions\.0\.answers: no answers at f\.jsonl:1/);
    await expect(read('record', [withEntity({ start: 30, end: 46 })])).rejects.toThrow(/the entity 30 to 46 of .*46/);
    await expect(read('record', [withEntity({ start: 3, end: 2 })])).rejects.toThrow(DataError);
    const [qa] = record.qas;
    await expect(read('record', [{ ...record, qas: [{ ...qa, query: 'left.' }] }])).rejects.toThrow(/@placeholder/);
    await expect(read('record', [{ ...record, qas: [{ ...qa, answers: [] }] }])).rejects.toThrow(/no answers/);
  });

  it('count places in code points', async () => {
    const astral = { ...wic, sentence1: '😀 bought', start1: 2, end1: 8 };
    const [row] = (await read('wic', [astral])) as { marked: { start: number; end: number }[] }[];
    expect('😀 bought'.slice(row.marked[0].start, row.marked[0].end)).toBe('bought');
    await expect(read('wic', [{ ...astral, end1: 9 }])).rejects.toThrow(/the word at 2 to 9/);
    const text = `😀 ${record.passage.text}`;
    const passage = { text, entities: [{ start: 2, end: 8 }] };
    expect(await read('record', [{ ...record, passage }])).toMatchObject([{ entities: ['Ann Lee'] }]);
  });

  it('of WiC mark a form of the word, given or found', async () => {
    expect(await read('wic', [wic])).toMatchObject([
      { marked: [{ start: 3, end: 9, how: 'given' }, { end: 3 }], label: 0 },
    ]);
    const flat = { label: 1, text: 'Word: buy. Sentence 1: He bought it . Sentence 2: Nothing at all' };
    expect(await read('wic', [flat])).toMatchObject([
      {
        word: 'buy',
        sentences: ['He bought it .', 'Nothing at all'],
        marked: [
          { start: 3, end: 9, how: 'found' },
          { start: 0, end: 14, how: 'guessed' },
        ],
        label: 1,
      },
    ]);
    expect(findDataset('wic')!.counts(await read('wic', [flat, wic]))).toEqual({
      labels: { false: 1, true: 1 },
      others: { 'words found by likeness': 1, 'words not found': 1 },
    });
    await expect(read('wic', [{ label: 1, text: 'Sentence 1: a' }])).rejects.toThrow(/another text at f\.jsonl:1/);
    await expect(read('wic', [{ ...wic, start2: 4 }])).rejects.toThrow(/the word at 4 to 3/);
  });

  it('of WSC never fail over a word that is elsewhere', async () => {
    const off = { ...wsc, target: { ...wsc.target, span2_index: 6, span1_text: 'Mary' } };
    const rows = await read('wsc', [wsc, off]);
    expect(rows).toMatchObject([{ marked: [{ how: 'given' }, { start: 20, end: 22, how: 'given' }] }, {}]);
    expect(findDataset('wsc')!.counts(rows).others).toEqual({
      'phrases found at another word': 1,
      'phrases not in the text': 1,
    });
  });

  it.each([
    ['boolq', boolq],
    ['cb', cb],
    ['copa', copa],
    ['wic', wic],
    ['wsc', wsc],
  ])('of %s may hide their labels in test files only', async (name, object) => {
    const { label: _, ...hidden } = object as { label: unknown };
    const rows = await read(name, [hidden, hidden], 'optional');
    expect(rows).toMatchObject([{ label: null }, { label: null }]);
    expect(findDataset(name)!.counts(rows).labels).toEqual({ 'hidden labels': 2 });
    expect(findDataset(name)!.examples(rows, testTokenizer())[0].label).toBe(-1);
    await expect(read(name, [hidden])).rejects.toThrow(/no label at f\.jsonl:1/);
  });

  it('name the line that is wrong', async () => {
    await expect(read('boolq', [boolq, '{"question":'])).rejects.toThrow(/no JSON .* at f\.jsonl:2/);
    await expect(read('boolq', [boolq, '', boolq])).rejects.toThrow(/an empty line at f\.jsonl:2/);
    await expect(read('boolq', ['[1]'])).rejects.toThrow(/a list at f\.jsonl:1/);
    await expect(read('boolq', ['null'])).rejects.toThrow(/null at f\.jsonl:1/);
    await expect(read('boolq', [boolq, { ...boolq, passage: 3 }])).rejects.toThrow(/passage: .* at f\.jsonl:2/);
    await expect(read('boolq', [{ ...boolq, passage: ' ' }])).rejects.toThrow(/passage: an empty text at f\.jsonl:1/);
    const [first] = multirc.passage.questions;
    const broken = { ...first, answers: [{ text: 'Ann', label: 2 }] };
    const passage = { ...multirc.passage, questions: [broken] };
    await expect(read('multirc', [{ ...multirc, passage }])).rejects.toThrow(/the label 2 at f\.jsonl:1/);
    expect(() => findDataset('copa')!.records({ kind: 'lines', path: 'a.tsv', lines: ['x'] }, 'required')).toThrow(
      /lines of text at a\.tsv/,
    );
  });
});

describe("SuperGLUE's examples", () => {
  const tokenizer = testTokenizer();
  const examples = async (name: string, object: unknown, length?: number) =>
    findDataset(name)!.examples(await read(name, [object]), tokenizer, length);
  const text = (tokens: ArrayLike<number>): string => tokenizer.words(tokens);

  it('put the question before the passage', async () => {
    const [example] = await examples('boolq', boolq);
    expect(text(example.tokens)).toBe('[CLS] is it so [SEP] it is so . [SEP]');
    expect([...example.segments!]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  });

  it('have a sequence a choice', async () => {
    const [example] = await examples('copa', copa);
    expect(example.choices!.map(({ tokens }) => text(tokens).split(' [SEP] ')[1])).toEqual([
      'it hurt . [SEP]',
      'i flew . [SEP]',
    ]);
    expect(text(example.tokens)).toMatch(/^\[CLS] i fell \. what happ ##ened as a resu ##lt \?/);
    expect(example.choices![0].tokens).toEqual(example.tokens);
    expect(example.label).toBe(1);
    const [cause] = await examples('copa', { ...copa, question: 'cause' });
    expect(text(cause.tokens)).toContain('caus');
  });

  it('are one an answer, with the question in `row`', async () => {
    const all = await examples('multirc', multirc);
    expect(all.map(({ row, label }) => [row, label])).toEqual([
      [0, 1],
      [0, 0],
      [1, 1],
    ]);
    expect(text(all[1].tokens)).toBe('[CLS] ann met bo . [SEP] who met ? cy [SEP]');
    // Only the passage is cut, for the answer stands at the end of the other.
    expect(text((await examples('multirc', multirc, 8))[1].tokens)).toBe('[CLS] ann [SEP] who met ? cy [SEP]');
    expect((await examples('multirc', multirc, 5))[1].tokens).toHaveLength(5);
  });

  it('are one an entity, which stands in the gap', async () => {
    const odd = { ...record, passage: { ...record.passage, text: record.passage.text.replaceAll('Bo', () => '$&') } };
    const all = await examples('record', odd);
    expect(all.map(({ row, label }) => [row, label])).toEqual([
      [0, 0],
      [0, 1],
    ]);
    expect(text(all[0].tokens)).toBe(
      '[CLS] ann lee met $ & . - $ & and ann lee left [SEP] $ & , who met bo , left . [SEP]',
    );
    expect(text(all[1].tokens)).toMatch(/\[SEP] ann lee , who met bo , left \. \[SEP]$/);
  });

  it('mark words among the tokens', async () => {
    const [one] = await examples('wic', wic);
    expect(one.spans!.map(({ from, to }) => text(one.tokens.subarray(from, to)))).toEqual(['boug ##ht', 'buy']);
    const [two] = await examples('wsc', wsc);
    expect(two.spans!.map(({ from, to }) => text(two.tokens.subarray(from, to)))).toEqual(['mark', 'he']);
    const [cut] = await examples('wsc', wsc, 5);
    expect(cut.spans).toEqual([
      { from: 1, to: 2 },
      { from: 0, to: 1 },
    ]);
  });
});

describe("SuperGLUE's metrics", () => {
  const score = async (name: string, objects: readonly unknown[], values: number[][]) => {
    const rows = await read(name, objects);
    const dataset = findDataset(name)!;
    const scores = dataset.score(rows, dataset.examples(rows, testTokenizer()), outputs(...values));
    expect(Object.keys(scores)).toEqual(dataset.metrics);
    return scores;
  };

  it('are accuracy, and macro F1 for CB', async () => {
    expect(
      await score(
        'boolq',
        [boolq, boolq],
        [
          [0, 1],
          [1, 0],
        ],
      ),
    ).toEqual({ accuracy: 0.5 });
    expect(
      await score(
        'copa',
        [copa, copa],
        [
          [0, 1],
          [1, 1],
        ],
      ),
    ).toEqual({ accuracy: 0.5 });
    expect(await score('wic', [wic], [[1, 0]])).toEqual({ accuracy: 1 });
    expect(await score('wsc', [wsc], [[1, 0]])).toEqual({ accuracy: 0 });
    const neutral = { ...cb, label: 'neutral' };
    // Contradiction: F1 2/3; neutral: 0; entailment: absent.
    expect(
      await score(
        'cb',
        [cb, neutral],
        [
          [0, 1, 0],
          [0, 1, 0],
        ],
      ),
    ).toEqual({
      'accuracy-macro-f1': (0.5 + 1 / 3) / 2,
      accuracy: 0.5,
      'macro-f1': 1 / 3,
    });
  });

  it('are over answers and whole questions for MultiRC', async () => {
    expect(
      await score(
        'multirc',
        [multirc],
        [
          [0, 1],
          [0, 1],
          [0, 1],
        ],
      ),
    ).toEqual({ 'f1a-em': (0.8 + 0.5) / 2, f1a: 0.8, em: 0.5 });
  });

  it('take the best candidate of ReCoRD, of equal ones the first', async () => {
    expect(
      await score(
        'record',
        [record],
        [
          [5, 6],
          [0, 2],
        ],
      ),
    ).toEqual({ 'f1-em': 1, f1: 1, em: 1 });
    expect(
      await score(
        'record',
        [record],
        [
          [0, 1],
          [5, 6],
        ],
      ),
    ).toEqual({ 'f1-em': 0, f1: 0, em: 0 });
  });

  it('refuse outputs that are not those of the examples', async () => {
    await expect(score('multirc', [multirc], [[0, 1]])).rejects.toThrow(/1 outputs, expected 3 outputs of 2/);
    await expect(score('record', [record], [[0, 1]])).rejects.toThrow(/1 outputs, expected 2/);
    await expect(score('cb', [cb], [[0, 1]])).rejects.toThrow(/2 numbers for example 0/);
  });
});
