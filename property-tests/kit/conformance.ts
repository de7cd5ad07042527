import type { Backend } from '../../src/backend.ts';
import { UsageError } from '../../src/errors.ts';
import { capabilities } from './capabilities.ts';
import { boundRows, type Report } from './report.ts';
import {
  floatsOf,
  type LawResult,
  lawsToRun,
  type Making,
  needlessSkip,
  needlessSkips,
  type RunOptions,
  runLaw,
  type SectionedLaw,
} from './run.ts';
import type { AnyBackend } from './subject.ts';
import { BoundUsage } from './usage.ts';

/** The kit on a backend: under any test runner, or without one. */

export interface ConformanceOptions extends RunOptions {
  /** Makes the backend under test; called once, before the first law, and the backend disposed after the last one. */
  create(): AnyBackend | Promise<AnyBackend>;
  /** What reports call it. Default: the name that the backend gives itself; for the runner's heading, `backend`. */
  readonly name?: string;
}

/** The runner's own functions: those of vitest, jest, mocha, node:test and others fit as they are. */
export interface Runner {
  // biome-ignore lint/suspicious/noExplicitAny: the signatures of runners differ beyond what is used here
  describe(name: string, body: () => void): any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  it(name: string, body: (this: any, ...context: any[]) => Promise<void>): any;
  /** The hook after all tests of a `describe`: `afterAll` of vitest and jest, `after` of mocha and node:test. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  afterAll?(body: () => Promise<void>): any;
}

export interface SuiteOptions extends ConformanceOptions, Runner {
  /** Gets all that was seen, after the last law. Needs `afterAll`. */
  report?(report: Report): void;
}

const isBackend = (value: unknown): value is Backend =>
  typeof value === 'object' && value !== null && 'kernels' in value && 'dtypes' in value && 'upload' in value;

async function made(create: () => unknown): Promise<Backend> {
  const backend: unknown = await create();
  if (isBackend(backend)) return backend;
  throw new UsageError({
    operation: 'conformance',
    received: `${String(backend)} from create()`,
    expected: 'a backend, or a promise of one',
    advice: 'create: () => yourBackend()',
  });
}

function reportOn(
  backend: Backend,
  options: RunOptions,
  laws: readonly LawResult[],
  usage: BoundUsage,
  dtypes: ReturnType<typeof floatsOf>,
): Report {
  const { name, device, dtypes: held, limits, promises, ulps } = backend;
  const needless = needlessSkips(options.skip ?? {}, laws);
  return {
    backend: { name, device, dtypes: held, limits, promises, ulps },
    laws,
    needlessSkips: needless,
    operations: capabilities(backend, dtypes[0]),
    bounds: boundRows(usage),
    passed: needless.length === 0 && laws.every(({ outcome }) => outcome !== 'fail'),
  };
}

/**
 * Runs every law without a test runner, and tells `onLaw` of each as soon as it is decided.
 * @throws UsageError for a backend that is none, one with limits under what the kit draws or without the dtypes asked for,
 *   bad skips, no draws, or an `only` that names nothing. A law that does not hold throws nothing: it is in the report.
 */
export async function runConformance(
  options: ConformanceOptions & { onLaw?(result: LawResult): void },
  making: Making = {},
): Promise<Report> {
  const laws = lawsToRun(options);
  const backend = await made(options.create);
  const usage = making.usage ?? new BoundUsage();
  const results: LawResult[] = [];
  try {
    const dtypes = floatsOf(backend, options.dtypes);
    for (const law of laws)
      for (const dtype of law.once ? dtypes.slice(0, 1) : dtypes) {
        const result = await runLaw(law, backend, dtype, options, { ...making, usage });
        results.push(result);
        options.onLaw?.(result);
      }
    return reportOn(backend, options, results, usage, dtypes);
  } finally {
    await backend.dispose();
  }
}

/** The runner is told where it can be: `skip(reason)` of the context that vitest and node:test hand over, mocha's `this.skip()`. */
function skipInRunner(self: unknown, context: unknown, reasons: readonly string[]): void {
  for (const place of [context, self]) {
    const skip = (place as { skip?: unknown } | undefined)?.skip;
    if (typeof skip !== 'function') continue;
    skip.call(place, [...new Set(reasons)].join('; '));
    return;
  }
}

/**
 * Registers one test for each law; it runs in every float dtype of the backend. A law that says nothing of this backend, or
 * that is skipped, is reported to the runner as skipped with its reason where the runner takes that, and is always in the
 * report. A law that is skipped by name and holds is a failure; so is, in a last test, a pattern whose laws all hold.
 * @throws UsageError when called, for bad skips, an `only` that names nothing, no draws, or a `report` without `afterAll`
 */
export function conformance(options: SuiteOptions): void {
  const { describe, it, afterAll, report, name = 'backend', skip = {} } = options;
  if (report && !afterAll)
    throw new UsageError({
      operation: 'conformance',
      received: 'report without afterAll',
      expected: 'the hook of the runner after which there is something to report',
      advice: 'afterAll of vitest and jest, after of mocha and node:test',
    });
  const laws = lawsToRun(options);
  const usage = new BoundUsage();
  const results: LawResult[] = [];
  let pending: Promise<Backend> | undefined;
  const backendOnce = (): Promise<Backend> => (pending ??= made(options.create));

  const decide = async (law: SectionedLaw): Promise<LawResult[]> => {
    const backend = await backendOnce();
    const dtypes = floatsOf(backend, options.dtypes);
    const own: LawResult[] = [];
    for (const dtype of law.once ? dtypes.slice(0, 1) : dtypes) {
      const result = await runLaw(law, backend, dtype, options, { usage });
      own.push(result);
      results.push(result);
      if (result.outcome === 'fail') throw result.error;
    }
    if (law.name in skip && own.every(({ outcome }) => outcome === 'pass')) throw needlessSkip(law.name);
    return own;
  };

  describe(`conformance of ${name}`, () => {
    for (const section of new Set(laws.map((law) => law.section)))
      describe(section, () => {
        for (const law of laws.filter((each) => each.section === section))
          it(law.name, async function (this: unknown, ...given: unknown[]) {
            const own = await decide(law);
            const reasons = own.flatMap(({ reason, link }) => (reason ? [link ? `${reason} (${link})` : reason] : []));
            if (own.every(({ outcome }) => outcome === 'skip')) skipInRunner(this, given[0], reasons);
          });
      });
    if (Object.keys(skip).length > 0)
      it('every skip is still needed', async () => {
        // Runners may leave laws out; of these nothing is known.
        const complete = laws.every((law) => results.some((result) => result.law === law.name));
        const [needless] = complete ? needlessSkips(skip, results) : [];
        if (needless !== undefined) throw needlessSkip(needless);
      });
    afterAll?.(async () => {
      if (!pending) return;
      const backend = await pending;
      try {
        report?.(reportOn(backend, options, results, usage, floatsOf(backend, options.dtypes)));
      } finally {
        await backend.dispose();
      }
    });
  });
}

/** The names of all laws, by section. */
export function lawNames(): { readonly section: string; readonly law: string }[] {
  return lawsToRun({}).map(({ section, name }) => ({ section, law: name }));
}
