import type { Backend } from '../../src/backend.ts';
import type { Engine, EngineOptions } from '../../src/engine.ts';
import { UsageError } from '../../src/errors.ts';
import type { FloatType } from '../arbitraries/values.ts';
import { sections } from '../laws/index.ts';
import type { Law } from '../laws/law.ts';
import { ClaimUsage } from './claims.ts';
import { LawBroken, type Settings } from './settings.ts';
import { checkSkips, type Skips, skipOf, standsFor } from './skips.ts';
import { type AnyBackend, subjectOn } from './subject.ts';
import type { BoundUsage } from './usage.ts';

/** One law on one backend in one precision: whether it holds, or why it was not asked. */

export interface LawResult {
  readonly law: string;
  readonly section: string;
  readonly operation?: string;
  /** False: an optional law, kept by backends that declare so. */
  readonly required: boolean;
  readonly dtype: FloatType;
  /** `skip`: not asked of this backend, or known not to hold; the reason says which. */
  readonly outcome: 'pass' | 'fail' | 'skip';
  readonly reason?: string;
  /** Of a law that is known not to hold. */
  readonly link?: string;
  readonly error?: Error;
  /** Of a law about the method: max(error/bound) by quantity, at most 1 where it holds; of an inequality how near it came. */
  readonly used?: Readonly<Record<string, number>>;
  /** Of a law about the method: the share of the comparisons of a quantity in which rounding left nothing to be said. */
  readonly undecided?: Readonly<Record<string, number>>;
  readonly milliseconds: number;
}

export interface RunOptions {
  /** Draws of each property, default 20; some laws take a multiple or a part of it. */
  readonly runs?: number;
  /** Default 1. The same seed draws the same values. */
  readonly seed?: number;
  /** The path of one failing draw, as a failure printed it. */
  readonly path?: string;
  /** Only the laws of this name, pattern with `*`, operation or section. */
  readonly only?: string;
  /** The working precisions to run in. Default: every float dtype that the backend holds. */
  readonly dtypes?: readonly FloatType[];
  readonly skip?: Skips;
  /** The command that shows a failing draw again. Default: the options to pass. */
  replay?(law: string, seed: number, path: string, dtype: FloatType): string;
}

/** For tests of the kit: engines with something wrong in them. */
export interface Making {
  make?(backend: Backend, options?: EngineOptions): Engine;
  readonly shrink?: boolean;
  readonly usage?: BoundUsage;
  readonly claims?: ClaimUsage;
}

/** The smallest device that the kit runs on: no tensor that it draws is larger. */
const mostElements = 2 ** 16;
const mostInteger = 2 ** 22;

/** @throws UsageError for a backend whose limits are under what the kit draws, or that holds no float of those asked for */
export function floatsOf(backend: Backend, asked?: readonly FloatType[]): FloatType[] {
  const { elements, integer } = backend.limits;
  const held = (['float32', 'float64'] as const).filter((dtype) => backend.dtypes.includes(dtype));
  const refuse = (received: string, expected: string): never => {
    throw new UsageError({ operation: `conformance of the ${backend.name} backend`, received, expected });
  };
  if (held.length === 0) refuse(`dtypes ${backend.dtypes.join(', ')}`, 'float32 or float64 among them');
  if (elements < mostElements || integer < mostInteger)
    refuse(`limits ${elements} elements, ${integer} as integer`, `at least ${mostElements} and ${mostInteger}`);
  const chosen = asked ? held.filter((dtype) => asked.includes(dtype)) : held;
  // No precision would be no law, and a run that cannot fail.
  if (chosen.length === 0) refuse(`dtypes [${asked?.join(', ')}]`, `some of ${held.join(', ')}`);
  return chosen;
}

export interface SectionedLaw extends Law {
  readonly section: string;
}

/** Those that `only` names, in the order in which they are run. @throws UsageError where it names none, or for no draws */
export function lawsToRun({ only, runs = 20, skip = {} }: RunOptions): SectionedLaw[] {
  if (!Number.isInteger(runs) || runs < 1)
    throw new UsageError({ operation: 'conformance', received: `runs: ${runs}`, expected: 'a whole number from 1 on' });
  const all = sections.flatMap(({ title, laws }) => laws.map((law) => ({ ...law, section: title })));
  checkSkips(skip, all);
  if (only === undefined) return all;
  const chosen = all.filter((law) => law.section === only || standsFor(only, law));
  if (chosen.length > 0) return chosen;
  throw new UsageError({
    operation: 'conformance',
    received: `only: '${only}'`,
    expected: `a law, a pattern with *, an operation, or a section: ${sections.map(({ title }) => title).join(', ')}`,
  });
}

const defaultReplay = (law: string, seed: number, path: string, dtype: FloatType): string =>
  `conformance({ …, only: ${JSON.stringify(law)}, seed: ${seed}, path: '${path}', dtypes: ['${dtype}'] })`;

/** The law as it stands, whatever skips say of it. */
export async function holdLaw(
  law: Law,
  backend: AnyBackend,
  dtype: FloatType,
  options: RunOptions,
  { make, shrink, usage, claims }: Making = {},
): Promise<Error | null> {
  const subject = subjectOn(backend, dtype, make);
  const { runs = 20, seed = 1, path, replay = defaultReplay } = options;
  const settings: Settings = {
    ...{ runs, seed, path, shrink, usage, claims },
    replay: (name, from, at) => replay(name, from, at, dtype),
    afterDraw: () => subject.release(),
  };
  try {
    await law.hold(subject, settings);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    subject.release();
  }
}

/** What there is to tell of the claims; nothing of a law that notes none. */
function shownBy(claims: ClaimUsage): Pick<LawResult, 'used' | 'undecided'> {
  const [used, asked] = [claims.used(), Object.entries(claims.asked())];
  return {
    ...(Object.keys(used).length > 0 ? { used } : {}),
    ...(asked.length > 0
      ? { undecided: Object.fromEntries(asked.map(([quantity, { all, undecided }]) => [quantity, undecided / all])) }
      : {}),
  };
}

/**
 * One law in one precision. A law that is skipped is run all the same, without shrinking: where it holds, the skip is no
 * longer needed, and that is a failure.
 */
export async function runLaw(
  law: SectionedLaw,
  backend: Backend,
  dtype: FloatType,
  options: RunOptions,
  making: Making = {},
): Promise<LawResult> {
  const start = performance.now();
  const claims = making.claims ?? new ClaimUsage();
  const done = (rest: Pick<LawResult, 'outcome' | 'reason' | 'link' | 'error'>): LawResult => ({
    law: law.name,
    section: law.section,
    ...(law.operation ? { operation: law.operation } : {}),
    required: !law.optional,
    dtype,
    milliseconds: performance.now() - start,
    ...shownBy(claims),
    ...rest,
  });
  const reason = law.notFor?.(backend, dtype);
  if (reason) return done({ outcome: 'skip', reason });
  const skip = skipOf(options.skip ?? {}, law);
  const error = await holdLaw(law, backend, dtype, options, {
    ...making,
    claims,
    shrink: skip ? false : making.shrink,
  });
  if (!skip) return done(error ? { outcome: 'fail', error } : { outcome: 'pass' });
  if (error) return done({ outcome: 'skip', reason: skip.reason, link: skip.link, error });
  return done({ outcome: 'pass' });
}

/** The skips none of whose laws failed, among results of all the laws that they name. */
export const needlessSkips = (skips: Skips, results: readonly LawResult[]): string[] =>
  Object.keys(skips).filter((pattern) => {
    const named = results.filter((result) =>
      standsFor(pattern, { name: result.law, ...(result.operation ? { operation: result.operation } : {}) }),
    );
    return named.length > 0 && !named.some((result) => result.link !== undefined);
  });

export const needlessSkip = (pattern: string): LawBroken =>
  new LawBroken(pattern, `skip '${pattern}': this skip is no longer needed, every law that it names holds`);
