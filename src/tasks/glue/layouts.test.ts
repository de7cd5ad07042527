import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { splitLines } from '../../text/lines.ts';
import { testTokenizer } from '../tokenizer.fixture.ts';
import { type GlueName, glueDatasets, glueNames } from './index.ts';
import { glueRecords } from './parse.ts';

const records = (glue: GlueName, text: string, labels: 'required' | 'optional' = 'required') =>
  glueRecords(
    glue,
    { kind: 'lines', path: 'f.tsv', lines: splitLines(new TextEncoder().encode(text), 'f.tsv') },
    labels,
  );
const dataset = (name: GlueName) => glueDatasets.find((one) => one.name === name)!;

/** A file of each layout, the official ones and the one of few columns: two rows, the second with an opening quote. */
const files: readonly [GlueName, string, readonly unknown[]][] = [
  [
    'mrpc',
    '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t5\t6\tIt rose .\tIt went up .\n0\t7\t8\t" It fell\tIt rose .\n',
    [
      ['It rose .', 'It went up .', 1],
      ['" It fell', 'It rose .', 0],
    ],
  ],
  [
    'qqp',
    'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n9\t1\t2\tWhy?\tHow come?\t1\n8\t3\t4\t"Who?\tWhy?\t0\n',
    [
      ['Why?', 'How come?', 1],
      ['"Who?', 'Why?', 0],
    ],
  ],
  [
    'qqp',
    'index\tquestion1\tquestion2\tis_duplicate\n0\tWhy?\tHow come?\t1\n1\t"Who?\tWhy?\t0',
    [
      ['Why?', 'How come?', 1],
      ['"Who?', 'Why?', 0],
    ],
  ],
  [
    'stsb',
    'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n0\tg\tf\t2012\t1\tn\tn\tA plane.\tA car.\t1.250\n1\tg\tf\t2012\t2\tn\tn\t"A man\tA man.\t5.000000\n',
    [
      ['A plane.', 'A car.', 1.25],
      ['"A man', 'A man.', 5],
    ],
  ],
  [
    'mnli',
    'index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n0\t1\t1n\tg\t(\t)\t(\t)\tHe came.\tHe left.\tneutral\tcontradiction\n1\t2\t2n\tg\t(\t)\t(\t)\t"He came\tHe came.\te\tentailment\n',
    [
      ['He came.', 'He left.', 2],
      ['"He came', 'He came.', 0],
    ],
  ],
  [
    'mnli',
    'index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\tsentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label\n0\t1\t1n\tg\t(\t)\t(\t)\tHe came.\tHe left.\tn\tn\te\te\tc\tneutral\n',
    [['He came.', 'He left.', 1]],
  ],
  [
    'qnli',
    'index\tquestion\tsentence\tlabel\n0\tWho?\tHe did.\tentailment\n1\t"Why\tNo.\tnot_entailment\n',
    [
      ['Who?', 'He did.', 0],
      ['"Why', 'No.', 1],
    ],
  ],
  ['rte', 'index\tsentence1\tsentence2\tlabel\n0\tIt is.\tIt was.\tnot_entailment\n', [['It is.', 'It was.', 1]]],
  ['wnli', 'index\tsentence1\tsentence2\tlabel\n0\tIt is.\tIt was.\t1\n', [['It is.', 'It was.', 1]]],
];

describe("GLUE's layouts", () => {
  it.each(files)('%s reads %j', (name, text, rows) => {
    const read = records(name, text);
    expect(read.rows.map(({ sentence, pair, label }) => [sentence, pair, label])).toEqual(rows);
    expect(read.skipped).toBe(0);
  });

  it.each<[GlueName, string]>([
    ['cola', 'index\tsentence\n0\tHe came.\n'],
    ['sst2', 'index\tsentence\n0\tHe came.\n'],
    ['mrpc', 'index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\tHe came.\tb\n'],
    ['qqp', 'id\tquestion1\tquestion2\n0\tHe came.\tb\n'],
    ['stsb', 'index\tgenre\tsentence1\tsentence2\n0\tg\tHe came.\tb\n'],
    ['mnli', 'index\tsentence1\tsentence2\n0\tHe came.\tb\n'],
    ['ax', 'index\tsentence1\tsentence2\n0\tHe came.\tb\n'],
    ['wnli', 'index\tsentence1\tsentence2\n0\tHe came.\tb\n'],
  ])('%s reads a test file, whose labels are hidden', (name, text) => {
    const { rows } = records(name, text, 'optional');
    expect(rows).toMatchObject([{ sentence: 'He came.', label: null }]);
    expect(dataset(name).examples(rows, testTokenizer())[0].label).toBe(-1);
    expect(() => records(name, text)).toThrow(DataError);
  });

  it("skips QQP's short lines and counts them, and no other task's", () => {
    const text = 'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta\n\n4\t5\t6\ta\t\t0\n';
    const read = records('qqp', text);
    expect(read).toEqual({ rows: [{ sentence: 'a', pair: '', label: 0 }], skipped: 2 });
    expect(dataset('qqp').counts(read.rows)).toEqual({
      labels: { not_duplicate: 1, duplicate: 0 },
      others: { 'hidden labels': 0, 'empty texts': 1, 'mean score': 0 },
    });
    expect(() => records('rte', 'index\tsentence1\tsentence2\tlabel\n0\ta\n')).toThrow(
      /2 columns at f\.tsv:2, expected 4, as many as its first line names/,
    );
    expect(() => records('qqp', `${text}1\t2\t3\ta\tb\t0\textra\n`)).toThrow(/7 columns at f\.tsv:5/);
  });

  it('names the line of a label that is none', () => {
    const rte = (label: string) => `index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n1\ta\tb\t${label}\n`;
    expect(() => records('rte', rte('0'))).toThrow(/the label "0" at f\.tsv:3, expected entailment or not_entailment/);
    const stsb = (score: string) => `sentence1\tsentence2\tscore\na\tb\t${score}\n`;
    for (const score of ['', ' ', 'x', '-0.1', '5.01', 'NaN'])
      expect(() => records('stsb', stsb(score))).toThrow(/the label ".*" at f\.tsv:2, expected a score from 0 to 5/);
    expect(records('stsb', stsb('0')).rows[0].label).toBe(0);
    expect(() => records('mnli', 'sentence1\tsentence2\tgold_label\na\tb\t-\n')).toThrow(/the label "-" at f\.tsv:2/);
  });

  it('reads RTE of SuperGLUE, and no other task as JSONL', () => {
    const objects = [{ premise: 'a', hypothesis: 'b', label: 'not_entailment', idx: 0 }];
    const source = { kind: 'jsonl', path: 'val.jsonl', objects } as const;
    expect(glueRecords('rte', source, 'required').rows).toEqual([{ sentence: 'a', pair: 'b', label: 1 }]);
    expect(() => glueRecords('qnli', source, 'required')).toThrow(/JSONL at val\.jsonl:1, expected TSV/);
    const numbered = { ...source, objects: [{ ...objects[0], label: 1 }] };
    expect(() => glueRecords('rte', numbered, 'required')).toThrow(/the label "1" at val\.jsonl:1/);
    const unlabelled = { ...source, objects: [{ premise: 'a', hypothesis: 'b', idx: 0 }] };
    expect(() => glueRecords('rte', unlabelled, 'required')).toThrow(/no label at val\.jsonl:1/);
  });

  const cell = fc.string({ unit: 'grapheme' }).filter((text) => !/[\t\n\r]/.test(text) && text.trim() !== '');

  it('gives back any texts without tabs and line ends', () => {
    const row = fc.record({ sentence: cell, pair: cell, label: fc.constantFrom(0, 1) });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
        const lines = rows.map(({ sentence, pair, label }, i) => `${i}\t${sentence}\t${pair}\t${label}`);
        const text = ['index\tsentence1\tsentence2\tlabel', ...lines].join('\n');
        expect(records('wnli', text).rows).toEqual(
          rows.map(({ sentence, pair, label }) => ({ sentence: sentence.trim(), pair: pair.trim(), label })),
        );
      }),
    );
  });
});

describe("GLUE's examples and metrics", () => {
  it('join pairs with segments, and cut them to the length', () => {
    const tokenizer = testTokenizer();
    const rows = [{ sentence: 'One two three.', pair: 'One.', label: 1 }];
    const [example] = dataset('rte').examples(rows, tokenizer);
    expect(tokenizer.words(example.tokens)).toBe('[CLS] one two thre ##e . [SEP] one . [SEP]');
    expect([...example.segments!]).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
    expect(tokenizer.words(dataset('rte').examples(rows, tokenizer, 7)[0].tokens)).toBe(
      '[CLS] one two [SEP] one . [SEP]',
    );
    expect(dataset('cola').examples([{ sentence: 'One.', label: 1 }], tokenizer)[0]).not.toHaveProperty('segments');
  });

  const outputs = (...values: number[][]) => values.map((value) => Float32Array.from(value));
  const pairs = (...labels: number[]) => labels.map((label) => ({ sentence: 'a', pair: 'b', label }));

  it('report what each task does', () => {
    const heads = glueNames.map((name) => [name, dataset(name).head, dataset(name).metrics[0]].join(' '));
    expect(heads).toEqual([
      'cola classify matthews',
      'sst2 classify accuracy',
      'mrpc classify accuracy-f1',
      'qqp classify accuracy-f1',
      'stsb regress pearson-spearman',
      'mnli classify accuracy',
      'qnli classify accuracy',
      'rte classify accuracy',
      'wnli classify accuracy',
      'ax classify matthews',
    ]);
  });

  it('take the largest output, of equal ones the first', () => {
    const scores = dataset('mrpc').score(pairs(1, 0, 1, 0), [], outputs([0, 1], [0, 0], [-2, -1], [1, 2]));
    // TP 2, FP 1, FN 0.
    expect(scores).toEqual({ 'accuracy-f1': (0.75 + 0.8) / 2, accuracy: 0.75, f1: 0.8 });
  });

  it('correlate the one output of STS-B', () => {
    const one = [1, 0, 0];
    const diagnostic = dataset('ax').score(pairs(0, 1, 2), [], outputs([0, 1, 0], [0, 0, 1], one));
    // Every class is taken for the next: −1/2.
    // Four roundings (metrics.test.ts).
    expect(Math.abs(diagnostic.matthews + 0.5)).toBeLessThanOrEqual(8 * 2 ** -53);
    const scores = dataset('stsb').score(pairs(1, 2, 3), [], outputs([3], [2], [1]));
    // Deviations −1, 0, 1: no rounding.
    expect(scores).toEqual({ 'pearson-spearman': -1, pearson: -1, spearman: -1 });
  });

  it('refuse outputs that are not those of the examples', () => {
    expect(() => dataset('rte').score(pairs(0, 1), [], outputs([0, 1]))).toThrow(/1 outputs, expected 2 outputs of 2/);
    expect(() => dataset('rte').score(pairs(0), [], outputs([0, 1, 2]))).toThrow(/3 numbers for example 0/);
  });
});
