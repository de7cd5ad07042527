import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

/**
 * Writes docs/backends.md from the reports of `omoe conform --json`, one file a backend:
 *   tsx docs/capabilities.ts cpu.json gpujs-webasm.json …
 */

interface Report {
  readonly name: string;
  readonly runtime: string;
  readonly backend: {
    readonly device: { readonly mode: string; readonly name: string };
    readonly dtypes: readonly string[];
    readonly limits: { readonly elements: number; readonly integer: number };
    readonly promises: Readonly<Record<string, boolean>>;
    readonly ulps: Readonly<Record<string, number>>;
  };
  readonly operations: readonly {
    readonly operation: string;
    readonly how: string;
    readonly declined: readonly string[];
  }[];
  readonly laws: readonly {
    readonly law: string;
    readonly section: string;
    readonly dtype: string;
    readonly outcome: 'pass' | 'fail' | 'skip';
    readonly reason?: string;
    readonly error?: string;
  }[];
  readonly bounds: readonly {
    readonly operation: string;
    readonly bound: string;
    readonly used: Readonly<Record<string, number | null>>;
  }[];
}

const reports = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, 'utf8')) as Report);
const names = reports.map(({ name }) => `\`${name}\``);

const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
const unique = <T>(values: readonly T[]) => [...new Set(values)];

const devices = table(
  ['backend', 'runs on', 'dtypes', 'largest buffer', 'exact integers to', 'promises', 'in'],
  reports.map(({ name, runtime, backend: { device, dtypes, limits, promises } }) => [
    `\`${name}\``,
    device.name,
    dtypes.join(', '),
    `${limits.elements.toLocaleString('en')} elements`,
    limits.integer.toLocaleString('en'),
    Object.entries(promises)
      .flatMap(([promise, kept]) => (kept ? [promise] : []))
      .join(', ') || 'none',
    runtime,
  ]),
);

const ulps = table(
  ['units in the last place', ...names],
  Object.keys(reports[0].backend.ulps).map((name) => [
    name,
    ...reports.map(({ backend }) => String(backend.ulps[name])),
  ]),
);

const reasons: string[] = [];
const footnote = (reason: string): string => {
  if (!reasons.includes(reason)) reasons.push(reason);
  return `<sup>${reasons.indexOf(reason) + 1}</sup>`;
};
const operations = table(
  ['operation', ...names],
  unique(reports.flatMap((report) => report.operations.map(({ operation }) => operation))).map((operation) => [
    `\`${operation}\``,
    ...reports.map((report) => {
      const found = report.operations.find((each) => each.operation === operation);
      return found ? `${found.how}${found.declined.map(footnote).join('')}` : '';
    }),
  ]),
);

const sections = table(
  ['laws', ...names],
  unique(reports.flatMap(({ laws }) => laws.map(({ section }) => section))).map((section) => [
    section,
    ...reports.map(({ laws }) => {
      const own = laws.filter((law) => law.section === section);
      const count = (outcome: string) => own.filter((law) => law.outcome === outcome).length;
      const [held, broken, skipped] = [count('pass'), count('fail'), count('skip')];
      return [`${held} hold`, broken > 0 && `**${broken} broken**`, skipped > 0 && `${skipped} not asked`]
        .filter(Boolean)
        .join(', ');
    }),
  ]),
);

const broken = reports.flatMap(({ name, laws }) =>
  laws
    .filter(({ outcome }) => outcome === 'fail')
    .map(
      ({ law, dtype, error }) =>
        `- \`${name}\`, ${dtype}: ${law}\n\n  \`\`\`\n${(error ?? '').replaceAll(/^/gm, '  ')}\n  \`\`\``,
    ),
);
const skipped = reports.flatMap(({ name, laws }) => {
  const reasonsOf = laws.flatMap(({ outcome, reason }) => (outcome === 'skip' ? [reason ?? ''] : []));
  return unique(reasonsOf).map((reason) => {
    const count = reasonsOf.filter((each) => each === reason).length;
    return `- \`${name}\`: ${count} ${count === 1 ? 'law' : 'laws'}: ${reason}`;
  });
});

const used = table(
  ['operation', 'bound', ...names],
  reports[0].bounds.map(({ operation, bound }) => [
    `\`${operation}\``,
    bound || 'exact',
    ...reports.map((report) => {
      const values = Object.values(report.bounds.find((each) => each.operation === operation)?.used ?? {});
      const seen = values.filter((value): value is number => typeof value === 'number');
      return seen.length === 0 ? '' : Math.max(...seen).toPrecision(2);
    }),
  ]),
);

writeFileSync(
  new URL('./backends.md', import.meta.url),
  `# What each backend can do

Written by \`npm run docs\` from what the conformance kit saw (\`omoe conform --backend NAME --json\`), not by hand.

${devices}

## Operations

\`native\`: a kernel of the backend ran, in every plain call that was tried. \`partly\`: in some. \`declined\`: there is a kernel, and it served
none. \`composed\`: the composition of \`src/ops\` ran. \`view\`: no element moves. \`derived\`: a few operations in one line.

${operations}

${reasons.map((reason, i) => `${i + 1}. ${reason}`).join('\n')}

## Laws

${sections}

${broken.length > 0 ? `Broken:\n\n${broken.join('\n')}` : 'No law is broken.'}

Not asked:

${skipped.join('\n')}

## Bounds, and the largest share of each that was seen

max(error/bound) over all laws that compare with the definition. 1 would be the bound itself.

${used}

## Functions

What each backend declares of its own functions; the bounds above are made of these.

${ulps}
`,
);
