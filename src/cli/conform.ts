import type { ConformanceOptions, LawResult, Report } from '../../property-tests/index.ts';
import { UsageError } from '../errors.ts';
import { encodeJson } from '../train/json.ts';
import { integer } from '../train/plan.ts';
import { loadBackend, resolveBackend } from './backends.ts';
import type { Environment, OutputFlags } from './environment.ts';
import { textTable } from './table.ts';

export interface ConformFlags extends OutputFlags {
  readonly backend: string;
  readonly runs?: string;
  readonly seed?: string;
  readonly only?: string;
  readonly path?: string;
  readonly dtype?: string;
}

/** The kit needs fast-check, which is an optional peer. */
async function loadKit() {
  try {
    return await import('../../property-tests/index.ts');
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new UsageError(
      {
        operation: 'conform',
        received: 'an installation without fast-check',
        expected: 'fast-check beside omoe, which draws what the laws are tried on',
        advice: 'npm install --save-dev fast-check',
      },
      { cause },
    );
  }
}

/**
 * `omoe conform`: the conformance kit on one backend.
 *
 * @returns the exit code: 0 where all laws hold, 1 where one does not
 * @throws UsageError for a backend or law that is unknown; DeviceError where the backend cannot run here
 */
export async function conform(flags: ConformFlags, environment: Environment): Promise<number> {
  const { stdout, stderr } = environment;
  if (flags.dtype !== undefined && flags.dtype !== 'float32' && flags.dtype !== 'float64')
    throw new UsageError({ operation: '--dtype', received: `"${flags.dtype}"`, expected: 'float32 or float64' });
  if (flags.path !== undefined && (flags.only === undefined || flags.dtype === undefined))
    throw new UsageError({
      operation: '--path',
      received: 'a path alone',
      expected: '--only <law> and --dtype <dtype> with it',
      advice: 'A path is one draw of one law; paste the whole line that the failure printed.',
    });
  const { name, device } = await resolveBackend(flags.backend);
  if (!flags.quiet) for (const note of device.notes) stderr.write(`note: ${note}\n`);
  const { reportDocument, runConformance } = await loadKit();
  const options: ConformanceOptions = {
    create: () => loadBackend(name),
    name,
    runs: integer('--runs', flags.runs, 20, 1, 1_000_000),
    seed: integer('--seed', flags.seed, 1, 0, 2 ** 31 - 1),
    path: flags.path,
    only: flags.only,
    dtypes: flags.dtype ? [flags.dtype] : undefined,
    replay: (law, seed, path, dtype) =>
      `npx omoe conform --backend ${name} --dtype ${dtype} --only ${JSON.stringify(law)} --seed ${seed} --path ${path}`,
  };
  const report = await runConformance({
    ...options,
    onLaw(result) {
      if (flags.quiet || result.outcome === 'pass') return;
      if (result.outcome === 'fail') stderr.write(`broken: ${result.law} (${result.dtype})\n`);
      else if (flags.verbose) stderr.write(`skipped: ${result.law} (${result.dtype}): ${result.reason}\n`);
    },
  });
  const runtime = `Node ${process.version}`;
  if (flags.json) stdout.write(`${encodeJson(reportDocument(name, runtime, report), 2)}\n`);
  else stdout.write(`${reportText(name, report)}\n`);
  return report.passed ? 0 : 1;
}

const count = (laws: readonly LawResult[], outcome: LawResult['outcome']) =>
  String(laws.filter((law) => law.outcome === outcome).length);

function reportText(name: string, { backend, laws, operations, bounds, needlessSkips }: Report): string {
  const used = new Map(bounds.map((row) => [row.operation, row.used]));
  const largest = (operation: string): string => {
    const seen = Object.values(used.get(operation) ?? {}).filter((value) => value !== null);
    return seen.length === 0 ? '' : Math.max(...seen).toPrecision(2);
  };
  const sections = [...new Set(laws.map(({ section }) => section))];
  const failures = laws.filter(({ outcome }) => outcome === 'fail');
  const skips = new Map<string, number>();
  for (const { outcome, reason } of laws)
    if (outcome === 'skip') skips.set(reason ?? '', (skips.get(reason ?? '') ?? 0) + 1);
  return [
    `${name} on ${backend.device.name} (${backend.device.mode}); ${backend.dtypes.join(', ')}; Node ${process.version}`,
    textTable(
      ['operation', 'runs as', 'max(error/bound)', 'why not native'],
      operations.map(({ operation, how, declined }) => [operation, how, largest(operation), declined.join('; ')]),
    ),
    textTable(
      ['laws', 'hold', 'broken', 'not asked'],
      sections.map((section) => {
        const own = laws.filter((law) => law.section === section);
        return [section, count(own, 'pass'), count(own, 'fail'), count(own, 'skip')];
      }),
    ),
    skips.size > 0 &&
      `Not asked:\n${[...skips].map(([reason, laws]) => `  ${laws} law${laws === 1 ? '' : 's'}: ${reason}`).join('\n')}`,
    ...failures.map(({ law, dtype, error }) => `Broken: ${law} (${dtype})\n${error?.message ?? ''}`),
    ...needlessSkips.map((pattern) => `This skip is no longer needed: ${pattern}`),
  ]
    .filter(Boolean)
    .join('\n\n');
}
