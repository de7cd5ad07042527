import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Case, Size } from './case.ts';
import { cases } from './cases/index.ts';
import { type DeviceName, devices, usualDevices } from './devices.ts';

/** The command line. What is wrong with it is said on stderr, and the process ends with 2. */
export interface Options {
  readonly cases: readonly Case[];
  readonly modes: readonly DeviceName[];
  /** Null: each case's own. */
  readonly sizes: readonly Size[] | null;
  readonly samples: number;
  readonly seed: number;
  readonly threads: number;
  readonly against: DeviceName | 'limit' | null;
  readonly node: { readonly path: string; readonly version: string };
  readonly quick: boolean;
  readonly profile: boolean;
  readonly startup: boolean;
  readonly browser: boolean;
  readonly json: string | null;
  readonly svg: string;
}

export const refuse = (option: string, received: string, expected: string): never => {
  console.error(`--${option}: received ${received}, expected ${expected}`);
  return process.exit(2);
};

/** Names, or a kind of cases: `kernels`, `steps`; `omoe-*` is all that begin so. */
function chosen<T extends string>(option: string, given: string | undefined, among: readonly T[]): readonly T[] {
  if (given === undefined) return among;
  const picked = given.split(',').flatMap((word) => {
    const found = among.filter((name) => (word.endsWith('*') ? name.startsWith(word.slice(0, -1)) : name === word));
    return found.length > 0 ? found : refuse(option, word, `some of ${among.join(', ')}`);
  });
  return [...new Set(picked)];
}

export const whole = (option: string, text: string, least = 1): number => {
  const value = Number(text);
  return Number.isInteger(value) && value >= least ? value : refuse(option, text, `a whole number from ${least} on`);
};

const sizeOf = (text: string): Size =>
  /^\d+$/.test(text) ? Number(text) : /^\d+(x\d+)+$/.test(text) ? text : refuse('sizes', text, '256 or 1024x128x8');

/** A program that answers to --version as Node does. */
export function nodeOf(path: string): Options['node'] {
  try {
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim();
    return /^v\d+\./.test(version) ? { path, version } : refuse('node', `${path}, which is ${version}`, 'a Node');
  } catch (error) {
    return refuse('node', `${path}: ${error instanceof Error ? error.message : error}`, 'the path of a Node');
  }
}

export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      modes: { type: 'string' },
      sizes: { type: 'string' },
      samples: { type: 'string', default: '20' },
      rounds: { type: 'string' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: String(availableParallelism()) },
      against: { type: 'string' },
      node: { type: 'string', default: process.execPath },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      startup: { type: 'boolean', default: false },
      browser: { type: 'boolean', default: false },
      json: { type: 'string' },
      svg: { type: 'string', default: 'runs/bench.svg' },
    },
  });
  const ofKind = (kind: Case['kind']) => cases.filter((each) => each.kind === kind).map(({ name }) => name);
  const only = values.only?.replace(/\bkernels\b/, ofKind('kernel').join()).replace(/\bsteps\b/, ofKind('step').join());
  const names = chosen(
    'only',
    only,
    cases.map(({ name }) => name),
  );
  const rounds = values.rounds === undefined ? null : whole('rounds', values.rounds);
  return {
    cases: cases.filter(({ name }) => names.includes(name)),
    modes: values.modes === undefined ? usualDevices : chosen('modes', values.modes, devices),
    sizes: values.sizes?.split(',').map(sizeOf) ?? null,
    samples: values.quick ? 1 : rounds === null ? whole('samples', values.samples) : 3 * rounds,
    seed: whole('seed', values.seed, 0),
    threads: whole('threads', values.threads),
    against: values.against === undefined ? null : chosen('against', values.against, [...devices, 'limit' as const])[0],
    node: nodeOf(values.node),
    ...{ quick: values.quick, profile: values.profile, startup: values.startup, browser: values.browser },
    ...{ json: values.json ?? null, svg: values.svg },
  };
}
