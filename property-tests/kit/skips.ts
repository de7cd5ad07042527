import { UsageError } from '../../src/errors.ts';

/** Laws that a backend is known not to keep: each with the reason and a link to where it is discussed. */

export interface Skip {
  readonly reason: string;
  readonly link: string;
}

/** By the name of a law, a part of it with `*` for anything, or the name of an operation: all laws that speak of it. */
export type Skips = Readonly<Record<string, Skip>>;

interface Named {
  readonly name: string;
  readonly operation?: string;
}

/** Whether a name, a pattern or an operation stands for the law. */
export function standsFor(pattern: string, law: Named): boolean {
  if (pattern === law.name || pattern === law.operation) return true;
  if (!pattern.includes('*')) return false;
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(law.name);
}

/** The skip of a law, with the pattern that named it. */
export function skipOf(skips: Skips, law: Named): (Skip & { readonly pattern: string }) | undefined {
  const pattern = Object.keys(skips).find((each) => standsFor(each, law));
  return pattern === undefined ? undefined : { pattern, ...skips[pattern] };
}

/** @throws UsageError for a skip without reason or link, and for one that names no law */
export function checkSkips(skips: Skips, laws: readonly Named[]): void {
  for (const [pattern, skip] of Object.entries(skips)) {
    const text = (value: unknown) => typeof value === 'string' && value.trim() !== '';
    if (!text(skip?.reason) || !text(skip?.link))
      throw new UsageError({
        operation: 'conformance',
        received: `the skip of '${pattern}' with ${JSON.stringify(skip)}`,
        expected: '{ reason, link }, neither of them empty',
        advice: 'Say why the law does not hold, and where that is being discussed.',
      });
    if (!laws.some((law) => standsFor(pattern, law)))
      throw new UsageError({
        operation: 'conformance',
        received: `a skip of '${pattern}'`,
        expected: 'the name of a law or an operation, or a pattern with * that fits a law',
        advice: '`lawNames()` lists them.',
      });
  }
}
