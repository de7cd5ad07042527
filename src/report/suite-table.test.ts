import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { decodeJson, encodeJson } from '../train/json.ts';
import type { Measure } from '../train/result.ts';
import { meanInterval, pairedInterval } from '../train/statistics.ts';
import { averageRow, checkTableResult, type TableResult, type TableRow } from '../train/table-result.ts';
import { markdownTable, percent, renderSuiteTable } from './suite-table.ts';

const measure = (...values: number[]): Measure => meanInterval(values);
const named = (name: string, ...values: number[]) => ({ name, ...measure(...values) });

const row = (title: string, split: string | null, shift: number): TableRow => {
  const base = [0.7 + shift, 0.72 + shift, 0.74 + shift];
  const other = [0.71 + shift, 0.74 + shift, 0.75 + shift];
  const [alike, apart] = [
    [0.9, 0.91, 0.92],
    [0.5, 0.52, 0.51],
  ];
  return {
    ...{ task: title.toLowerCase(), title, folder: title.toLowerCase(), seeds: [0, 1, 2], steps: 150, backend: 'cpu' },
    ...{ seconds: shift === 0 ? 75 : 610, command: `npx omoe compare --task ${title.toLowerCase()}` },
    data: { source: 'd', train: 3668, dev: 408, split, trainLimit: null, devLimit: shift === 0 ? 1000 : 408 },
    methods: {
      adamw: {
        metric: named('f1', ...base),
        scores: { f1: measure(...base), exact: measure(0.5) },
        outputCosine: measure(...alike),
      },
      omoe: {
        metric: named('f1', ...other),
        scores: { f1: measure(...other), exact: measure(0.25) },
        outputCosine: measure(...apart),
      },
    },
    differences: [
      {
        method: 'omoe',
        baseline: 'adamw',
        metric: pairedInterval(other, base),
        outputCosine: pairedInterval(apart, alike),
      },
    ],
  };
};

const rows = [row('MRPC', null, 0), row('QNLI', 'trained on a part', 0.1)];
const result: TableResult = {
  ...{
    schema: 'omoe.table/1',
    suite: 'glue',
    model: 'small',
    methods: ['adamw', 'omoe'],
    command: 'npx omoe table glue',
  },
  ...{ tasks: rows, failures: [], average: averageRow(rows, ['adamw', 'omoe']) },
};

describe('what the metrics are read against', () => {
  const beside = { constant: measure(0.5, 0.5, 0.5), dense: measure(0.6, 0.62, 0.64), denseSteps: 40 };
  const head = (tasks: TableRow[]) =>
    renderSuiteTable({ ...result, tasks, average: null })
      .split('\n')
      .find((line) => line.startsWith('| task'))!;

  it('stands in columns of its own, where a task has it', () => {
    expect(head(rows)).not.toMatch(/most frequent|dense/);
    expect(head([{ ...rows[0], constant: null, dense: null }, rows[1]])).not.toMatch(/most frequent|dense/);
    const text = renderSuiteTable({ ...result, tasks: [{ ...rows[0], ...beside }, rows[1]] });
    const [mrpc, alike] = text
      .split('\n')
      .filter((line, i, all) => line.startsWith('| MRPC') || all[i - 1]?.startsWith('| MRPC'));
    expect(mrpc).toMatch(/\| f1 +\| 50\.0 +\| 62\.0 \[57\.0, 67\.0\] +\| 72\.0 /);
    expect(alike).toMatch(/expert similarity +\| +\| +\| 0\.91/);
    expect(text.split('\n').find((line) => line.startsWith('| QNLI'))).toMatch(/\| f1 +\| - +\| - +\|/);
    expect(text).toMatch(/most frequent: .*\n\ndense: /);
    expect(text).toMatch(/MRPC +\| 40 dense, then 150 /);
  });

  it('survives the document', () => {
    const document = { ...result, tasks: [{ ...rows[0], ...beside }] };
    expect(checkTableResult(decodeJson(encodeJson(document)))).toEqual(document);
    expect(() => checkTableResult({ ...document, tasks: [{ ...rows[0], dense: 0.6 }] })).toThrow(DataError);
  });
});

describe('metrics in a table', () => {
  it('are times 100 with one decimal, and without an interval where one seed leaves none', () => {
    expect(percent({ mean: 0.72, low: 0.67032, high: 0.76968, values: [] })).toBe('72.0 [67.0, 77.0]');
    expect(percent(measure(0.5))).toBe('50.0');
    expect(percent(measure(Number.NaN))).toBe('NaN');
  });
});

describe('table.md', () => {
  const text = renderSuiteTable(result);
  const cells = (line: string): string[] =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1);
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map(cells);

  it('has a line for the metric of each task and one for the likeness of its experts', () => {
    expect(lines.slice(0, 6)).toEqual([
      ['task', 'train / dev', 'measure', 'adamw', 'omoe'],
      lines[1],
      ['MRPC', '3668 / 408', 'f1', '72.0 [67.0, 77.0]', '73.3 [68.2, 78.5]'],
      ['', '', 'expert similarity', '0.910 [0.885, 0.935]', '0.510 [0.485, 0.535]'],
      ['QNLI*', '3668 / 408', 'f1', '82.0 [77.0, 87.0]', '83.3 [78.2, 88.5]'],
      ['', '', 'expert similarity', '0.910 [0.885, 0.935]', '0.510 [0.485, 0.535]'],
    ]);
    expect(text).toContain('\\* QNLI: trained on a part; measured on 408 records, drawn by each seed.');
    expect(text).not.toContain('\\* MRPC');
  });

  it('has averages, paired differences, further metrics, times and commands', () => {
    expect(lines).toContainEqual(['average', '', 'metric', '77.0 [72.0, 82.0]', '78.3 [73.2, 83.5]']);
    // 1, 2 and 1 points: 1.33 ± 4.303 · 0.577 / √3.
    expect(lines).toContainEqual(['MRPC', 'omoe − adamw', '+1.3 [−0.1, +2.8]', '−0.4000 [−0.4248, −0.3752]']);
    expect(lines).toContainEqual(['average', 'omoe − adamw', '+1.3 [−0.1, +2.8]', '−0.4000 [−0.4248, −0.3752]']);
    expect(lines).toContainEqual(['QNLI', 'exact', '50.0', '25.0']);
    expect(lines).toContainEqual(['MRPC', '150', '0 1 2', '75 s']);
    expect(lines).toContainEqual(['QNLI', '150', '0 1 2', '10 min']);
    expect(text).toContain('\nnpx omoe compare --task mrpc\nnpx omoe compare --task qnli\n');
    expect(lines.filter(([, metric]) => metric === 'f1')).toEqual([]);
  });

  it('says where tasks ran on different backends, whatever their threads', () => {
    const on = (...backends: string[]) =>
      renderSuiteTable({ ...result, tasks: rows.map((row, i) => ({ ...row, backend: backends[i]! })) });
    expect(on('wasm:plain:1', 'wasm:plain:2')).toBe(text);
    expect(text).not.toContain('Backends');
    expect(on('wasm:plain:1', 'cpu')).toContain(
      'Backends differ: MRPC ran on wasm:plain, QNLI on cpu. The last bits of a number depend on it.',
    );
  });

  it('gives no sign to what rounds to nothing', () => {
    const none = pairedInterval([0.7, 0.7004, 0.7], [0.7, 0.7, 0.7]);
    const [difference] = rows[0]!.differences;
    const equal = { ...rows[0]!, differences: [{ ...difference!, metric: none, outputCosine: measure(0, 0, 0) }] };
    const text = renderSuiteTable({ ...result, tasks: [equal], average: null });
    expect(text).toMatch(/omoe − adamw \| 0\.0 \[0\.0, \+0\.1\] \| 0\.0000 \[0\.0000, 0\.0000\]/);
  });

  it('is all cells side by side, whatever stands in them', () => {
    expect(markdownTable(['a', 'long heading'], [['x | y\nz', '']])).toBe(
      '| a        | long heading |\n| -------- | ------------ |\n| x \\| y z |              |',
    );
  });

  it('leaves out what there is not', () => {
    const alone: TableRow = { ...rows[0]!, methods: { adamw: rows[0]!.methods.adamw! }, differences: [] };
    const short = renderSuiteTable({ ...result, methods: ['adamw'], tasks: [alone], average: null });
    for (const word of ['average', 'differences', 'Failed']) expect(short).not.toContain(word);
  });
});

describe('averages over tasks', () => {
  it('are paired by seed, and need tasks of the same seeds', () => {
    const { methods, differences } = averageRow(rows, ['adamw', 'omoe'])!;
    methods.adamw!.metric.values.forEach((value, s) => {
      expect(value).toBeCloseTo([0.75, 0.77, 0.79][s]!, 12);
    });
    expect(differences[0]!.metric.low).toBeCloseTo(pairedInterval([0.01, 0.02, 0.01], [0, 0, 0]).low, 12);
    expect(averageRow(rows.slice(0, 1), ['adamw', 'omoe'])).toBeNull();
    expect(averageRow([rows[0]!, { ...rows[1]!, seeds: [3, 4, 5] }], ['adamw', 'omoe'])).toBeNull();
  });

  it('have no cosine where a task has none', () => {
    const { omoe } = rows[0]!.methods;
    const without = { ...rows[0]!, methods: { ...rows[0]!.methods, omoe: { ...omoe!, outputCosine: null } } };
    const average = averageRow([without, rows[1]!], ['adamw', 'omoe'])!;
    expect(average.methods.omoe!.outputCosine).toBeNull();
    expect(average.differences).toEqual([]);
  });
});

describe('table.json', () => {
  it('is read back as it was, not a number included, and refused where it is not one', () => {
    const odd = {
      ...result,
      average: null,
      tasks: [
        {
          ...rows[0]!,
          seconds: null,
          methods: { adamw: { ...rows[0]!.methods.adamw!, metric: named('f1', Number.NaN) } },
        },
      ],
    };
    expect(checkTableResult(decodeJson(encodeJson(odd)))).toEqual(odd);
    const broken = { ...result, tasks: [{ ...rows[0]!, steps: 'many' }] };
    expect(() => checkTableResult(broken, 'x/table.json')).toThrow(
      /^x\/table\.json: received tasks\.0\.steps = "many"/,
    );
    expect(() => checkTableResult({ ...result, schema: 'omoe.table/2' })).toThrow(DataError);
  });
});
