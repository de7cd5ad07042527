import fc from 'fast-check';
import type { Backend } from '../../src/backend.ts';
import type { Engine, EngineOptions } from '../../src/engine.ts';
import type { FloatType } from '../arbitraries/values.ts';
import type { ClaimUsage } from './claims.ts';
import type { BoundUsage } from './usage.ts';

/** What the laws are told: on what they run, how often, and where to write what they saw. */

export interface Subject {
  readonly name: string;
  /** The working precision. */
  readonly dtype: FloatType;
  readonly backend: Backend;
  /** An engine on the backend under test. What is made on it is freed after each draw. */
  engine(options?: EngineOptions): Engine;
}

export interface Settings {
  /** Draws of each property; a law may take a multiple of it. */
  readonly runs: number;
  readonly seed: number;
  /** The path of one failing draw, as a failure printed it. */
  readonly path?: string;
  /** False: the first counterexample is reported as it was drawn. Default true. */
  readonly shrink?: boolean;
  /** The command that runs one law again from the seed and path of a failure. */
  replay?(law: string, seed: number, path: string): string;
  /** Notes how much of its bound an operation used. */
  readonly usage?: BoundUsage;
  /** Notes what the claims of one law about the method have shown. */
  readonly claims?: ClaimUsage;
  /** Called after each draw, whatever came of it. */
  afterDraw?(): void;
}

/** A law that does not hold, with the counterexample and the way to see it again. */
export class LawBroken extends Error {
  override readonly name = 'LawBroken';
  readonly law: string;
  constructor(law: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.law = law;
  }
}

/** 32 bits of a name (FNV-1a), so that different laws draw different values from one seed. */
function hash(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return h | 0;
}

/** The settings with another number of draws, at least one. */
export const withShare = (settings: Settings, share: number): Settings => ({
  ...settings,
  runs: Math.max(1, Math.round(settings.runs * share)),
});

/**
 * Draws `runs` values and tries the body on each.
 * @throws LawBroken with the smallest counterexample's message, the seed, the path and the command that shows it again
 */
export async function holds<T>(
  law: string,
  settings: Settings,
  values: fc.Arbitrary<T>,
  body: (value: T) => Promise<void>,
): Promise<void> {
  const once = async (value: T): Promise<void> => {
    try {
      await body(value);
    } finally {
      settings.afterDraw?.();
    }
  };
  const details = await fc.check(fc.asyncProperty(values, once), {
    numRuns: settings.runs,
    seed: settings.seed ^ hash(law),
    path: settings.path,
    endOnFailure: settings.shrink === false,
  });
  if (!details.failed) return;
  const cause = details.errorInstance;
  const path = details.counterexamplePath ?? '';
  const message = cause instanceof Error ? cause.message : `not decided within ${details.numRuns} draws`;
  throw new LawBroken(
    law,
    [
      `${law} does not hold (draw ${details.numRuns}, shrunk ${details.numShrinks} times, seed ${settings.seed}, path ${path})`,
      message,
      ...(settings.replay ? [`Again: ${settings.replay(law, settings.seed, path)}`] : []),
    ].join('\n'),
    { cause },
  );
}

/** A law about no drawn value: the body is tried once. */
export const holdsOnce = (law: string, settings: Settings, body: () => Promise<void>): Promise<void> =>
  holds(law, { ...settings, runs: 1, path: undefined }, fc.constant(null), body);
