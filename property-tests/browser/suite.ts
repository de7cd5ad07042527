import type { Browser } from 'playwright-core';
import type { Built } from './bundles.ts';
import type { Consumer } from './consumer.ts';

/** What a suite is given, and what it gives back. */

export interface Place {
  readonly consumer: Consumer;
  readonly browser: Browser;
  /** The pages, built in this way; built at the first call, once. */
  root(built: Built): Promise<string>;
  readonly settings: Settings;
}

export interface Settings {
  /** Modes of gpu.js. */
  readonly modes: readonly string[];
  /** What the whole kit runs on: modes of gpu.js, or `wasm:relaxed`, `wasm:plain`. */
  readonly conformanceModes: readonly string[];
  /** What the long training runs on, likewise. */
  readonly memoryModes: readonly string[];
  /** Draws of each property. */
  readonly runs: number;
  /** Of the long training. */
  readonly steps: number;
  /** Seconds for one conformance run, or one long training. */
  readonly seconds: number;
  /** A folder for pictures of the pages; null takes none. */
  readonly pictures: string | null;
  /** A folder for the kit's reports as JSON, which `npm run docs` takes; null writes none. */
  readonly reports: string | null;
}

/** Prints what it found, and returns what failed: one entry each. */
export type Suite = (place: Place) => Promise<string[]>;

const list = (name: string, otherwise: string): string[] => (process.env[name] ?? otherwise).split(',').filter(Boolean);

function count(name: string, otherwise: number): number {
  const text = process.env[name] || String(otherwise);
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} is ${text}, expected a whole number from 1 on`);
  return value;
}

export const settingsFromEnvironment = (): Settings => ({
  modes: list('OMOE_BROWSER_MODES', 'webgl2,webgl,webgpu'),
  conformanceModes: list('OMOE_BROWSER_CONFORMANCE', 'webgl2,webgpu,wasm:relaxed'),
  memoryModes: list('OMOE_BROWSER_MEMORY', 'webgl2,wasm:relaxed'),
  runs: count('OMOE_BROWSER_RUNS', 10),
  steps: count('OMOE_BROWSER_STEPS', 2000),
  seconds: count('OMOE_BROWSER_SECONDS', 400),
  pictures: process.env.OMOE_BROWSER_PICTURES || null,
  reports: process.env.OMOE_BROWSER_REPORTS || null,
});

/** `wasm:relaxed` is that; a word alone is a mode of gpu.js. */
export function requestOf(name: string): { readonly backend: 'gpujs' | 'wasm'; readonly mode: string } {
  const [first, mode] = name.split(':');
  return first === 'wasm' ? { backend: 'wasm', mode } : { backend: 'gpujs', mode: first };
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The first line of a message, short enough for a table. */
export const brief = (message: string): string => message.split('\n')[0].slice(0, 160);
