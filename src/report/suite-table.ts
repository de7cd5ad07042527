/** A table of the paper for people: Markdown, which is plain text as well. */
import type { Difference, Measure } from '../train/result.ts';
import { type TableResult, type TableRow, withoutThreads } from '../train/table-result.ts';
import { differenceNote, interval, number, signed } from './summary.ts';

/** Metrics are shown as GLUE shows them: times 100, with one decimal. */
export const percent = (measure: Measure): string => {
  const [mean, low, high] = [measure.mean, measure.low, measure.high].map((value) => number(100 * value, 1));
  return Number.isNaN(measure.low) ? mean : `${mean} [${low}, ${high}]`;
};

const difference = ({ mean, low, high }: Measure, factor: number, decimals: number): string => {
  const [middle, from, to] = [mean, low, high].map((value) => signed(factor * value, decimals));
  return Number.isNaN(low) ? middle : `${middle} [${from}, ${to}]`;
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

/** Columns as wide as their widest cell, so that it reads as plain text too. */
export const markdownTable = (columns: readonly string[], rows: readonly (readonly string[])[]): string => {
  const lines = [columns, ...rows].map((row) => row.map(cell));
  const widths = columns.map((_, i) => Math.max(3, ...lines.map((row) => row[i].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, i) => text.padEnd(widths[i])).join(' | ')} |`;
  const [heading, ...rest] = lines;
  return [line(heading), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n');
};

/** What of a task's data is not what its authors measure on. A record may give several examples, but none gives fewer. */
const dataNote = ({ split, train, dev, trainLimit, devLimit }: TableRow['data']): string =>
  [
    split ?? [],
    trainLimit !== null && train >= trainLimit ? `trained on ${trainLimit} records, drawn by each seed` : [],
    devLimit !== null && dev >= devLimit ? `measured on ${devLimit} records, drawn by each seed` : [],
  ]
    .flat()
    .join('; ');

/** Backends agree up to rounding, so a table says where it has more than one. */
const backendNote = (tasks: readonly TableRow[]): string | null => {
  const titles = new Map<string, string[]>();
  for (const { backend, title } of tasks) {
    const name = withoutThreads(backend);
    titles.set(name, [...(titles.get(name) ?? []), title]);
  }
  if (titles.size < 2) return null;
  const parts = [...titles].map(([name, own], i) => `${own.join(', ')} ${i === 0 ? 'ran on' : 'on'} ${name}`);
  return `Backends differ: ${parts.join(', ')}. The last bits of a number depend on it.`;
};

const similarityName = 'expert similarity';

/** What to read the methods' metrics against; a column is there where a task has it. */
const references = (tasks: readonly TableRow[]): readonly { name: string; of: (row: TableRow) => string }[] =>
  (['constant', 'dense'] as const)
    .filter((field) => tasks.some((row) => row[field]))
    .map((field) => ({
      name: field === 'constant' ? 'most frequent' : 'dense',
      of: ({ [field]: measure }) =>
        !measure ? '-' : measure.low === measure.high ? number(100 * measure.mean, 1) : percent(measure),
    }));

/** Two lines a task: its metric, and how alike the experts are. */
const mainTable = ({ tasks, methods, average }: TableResult): string => {
  const beside = references(tasks);
  const none = beside.map(() => '');
  const rows = tasks.flatMap((row) => {
    const { title, data, methods: own } = row;
    return [
      [
        `${title}${dataNote(data) === '' ? '' : '*'}`,
        `${data.train} / ${data.dev}`,
        own[methods[0]].metric.name,
        ...beside.map(({ of }) => of(row)),
        ...methods.map((name) => percent(own[name].metric)),
      ],
      ['', '', similarityName, ...none, ...methods.map((name) => interval(own[name].outputCosine))],
    ];
  });
  const means = average && [
    ['average', '', 'metric', ...none, ...methods.map((name) => percent(average.methods[name].metric))],
    ['', '', similarityName, ...none, ...methods.map((name) => interval(average.methods[name].outputCosine))],
  ];
  return markdownTable(
    ['task', 'train / dev', 'measure', ...beside.map(({ name }) => name), ...methods],
    [...rows, ...(means ?? [])],
  );
};

const differenceTable = ({ tasks, average }: TableResult): string | null => {
  const row = (title: string, { method, baseline, metric, outputCosine }: Difference) => [
    ...[title, `${method} − ${baseline}`, difference(metric, 100, 1), difference(outputCosine, 1, 4)],
  ];
  const rows = [
    ...tasks.flatMap(({ title, differences }) => differences.map((one) => row(title, one))),
    ...(average?.differences ?? []).map((one) => row('average', one)),
  ];
  return rows.length === 0 ? null : markdownTable(['task', 'difference', 'metric', similarityName], rows);
};

/** The official metrics that the first table does not have. */
const furtherTable = ({ tasks, methods }: TableResult): string | null => {
  const rows = tasks.flatMap(({ title, methods: own }) => {
    const { metric, scores } = own[methods[0]];
    const further = Object.keys(scores).filter((name) => name !== metric.name);
    return further.map((name) => [title, name, ...methods.map((method) => percent(own[method].scores[name]))]);
  });
  return rows.length === 0 ? null : markdownTable(['task', 'metric', ...methods], rows);
};

const duration = (seconds: number | null): string => {
  if (seconds === null) return '-';
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
};

const runTable = (tasks: readonly TableRow[]): string => {
  const times = tasks.map(({ title, steps, denseSteps = 0, seeds, seconds }) => [
    ...[
      title,
      denseSteps > 0 ? `${denseSteps} dense, then ${steps}` : String(steps),
      seeds.join(' '),
      duration(seconds),
    ],
  ]);
  const commands = tasks.map(({ command }) => command).join('\n');
  return `${markdownTable(['task', 'steps', 'seeds', 'time'], times)}\n\n\`\`\`sh\n${commands}\n\`\`\``;
};

/** Headings with what stands below them; null leaves both out. */
const sections = (parts: readonly (readonly [string, string | null])[]): string[] =>
  parts.flatMap(([heading, body]) => (body === null || body === '' ? [] : [heading, body]));

/** table.md. */
export function renderSuiteTable(result: TableResult): string {
  const { suite, model, command, tasks, failures } = result;
  const some = tasks.length > 0;
  const splits = tasks.map(({ title, data }) => dataNote(data) && `\\* ${title}: ${dataNote(data)}.`).filter(Boolean);
  const notes = [
    'Metrics are times 100. In brackets stand 95 % t intervals over seeds.',
    `${similarityName}: mean cosine of the outputs of two experts for the same token; 1 is identical.`,
    tasks.some(({ constant }) => constant)
      ? 'most frequent: one answer for all, the most frequent one in training.'
      : [],
    tasks.some(({ dense }) => dense)
      ? 'dense: the model that the methods of a seed start from, which all are trained further.'
      : [],
    ...splits,
    backendNote(tasks) ?? [],
  ].flat();
  const blocks = [
    `# ${suite}`,
    `Model: ${model}. Command: \`${command}\`.`,
    ...(some ? [mainTable(result), notes.join('\n\n')] : ['No task has finished.']),
    ...sections([
      ['## Paired differences', some ? differenceTable(result) : null],
      ['', some && tasks.some(({ differences }) => differences.length > 0) ? differenceNote : null],
      ['## Further official metrics', some ? furtherTable(result) : null],
      ['## Failed', failures.map(({ title, error }) => `- ${title}: ${cell(error.message)}`).join('\n')],
      ['## Runs', some ? runTable(tasks) : null],
    ]),
  ];
  return `${blocks.filter(Boolean).join('\n\n')}\n`;
}
