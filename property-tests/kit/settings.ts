import fc from 'fast-check';
import type { Engine, EngineOptions } from '../../src/engine.ts';

/** What the laws are told: on what they run, how often, and where to write what they saw. */

export interface Subject {
  readonly name: string;
  /** The working precision. */
  readonly dtype: 'float32' | 'float64';
  /** An engine on the backend under test. */
  engine(options?: EngineOptions): Engine | Promise<Engine>;
}

export interface Settings {
  /** Draws of each property. */
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
  const details = await fc.check(fc.asyncProperty(values, body), {
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

/** max(error/bound) by law and operation: an operation that never comes near its bound has an empty one. */
export class BoundUsage {
  readonly #largest = new Map<string, Map<string, number>>();

  note(law: string, operation: string, ratio: number): void {
    const row = this.#largest.get(operation) ?? new Map<string, number>();
    row.set(law, Math.max(row.get(law) ?? 0, ratio));
    this.#largest.set(operation, row);
  }

  of(law: string, operation: string): number | undefined {
    return this.#largest.get(operation)?.get(law);
  }

  /** One line an operation, one column a law. 0: never off at all. */
  table(): string {
    const laws = [...new Set([...this.#largest.values()].flatMap((row) => [...row.keys()]))];
    const cell = (ratio: number | undefined) => (ratio === undefined ? '' : ratio === 0 ? '0' : ratio.toPrecision(2));
    const width = (column: string) => Math.max(column.length, 8);
    const line = (name: string, cells: readonly string[]) =>
      [name.padEnd(18), ...cells.map((text, i) => text.padStart(width(laws[i])))].join('  ');
    const rows = [...this.#largest].map(([operation, row]) =>
      line(
        operation,
        laws.map((law) => cell(row.get(law))),
      ),
    );
    return [line('max(error/bound)', laws), ...rows].join('\n');
  }
}
