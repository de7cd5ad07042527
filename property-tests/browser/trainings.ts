import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import type { Backend } from '../../src/backend.ts';
import type { Built } from './bundles.ts';
import { compareTraining, expectedTraining } from './expected.ts';
import { runJob } from './jobs.ts';
import type { BackendRequest } from './pages/backends.ts';
import type { TrainingReport } from './pages/report.ts';
import { brief, messageOf, requestOf, type Suite } from './suite.ts';

/** One training in one page: it must end without a word of complaint and give what the CPU backend gives here. */

interface Case extends BackendRequest {
  readonly built: Built;
  readonly worker: boolean;
  /** Served without the headers that memory of several threads takes. */
  readonly alone?: boolean;
}

const nameOf = ({ built, backend, mode, worker, alone }: Case): string =>
  [built, worker ? 'worker' : 'page', mode ? `${backend}:${mode}` : backend, ...(alone ? ['alone'] : [])].join(' ');

/**
 * Every way of building on the CPU backend, in WebAssembly and on the first mode of gpu.js, and every other mode in one of them;
 * WebAssembly also where a page is not cross-origin isolated.
 * Unbundled pages have no workers (bundles.ts).
 */
const casesOf = ([first, ...others]: readonly string[]): Case[] => {
  const everywhere: BackendRequest[] = [
    { backend: 'cpu' },
    { backend: 'wasm', mode: 'plain' },
    ...(first ? [requestOf(first)] : []),
  ];
  const ways = [
    { built: 'vite', worker: false },
    { built: 'vite', worker: true },
    { built: 'esbuild', worker: false },
    { built: 'esbuild', worker: true },
    { built: 'plain', worker: false },
  ] as const;
  return [
    ...ways.flatMap((way) => everywhere.map((request) => ({ ...way, ...request }))),
    ...['wasm:relaxed', ...others].flatMap((name) => ways.slice(0, 2).map((way) => ({ ...way, ...requestOf(name) }))),
    ...ways.slice(0, 2).map((way) => ({ ...way, ...requestOf('wasm:plain'), alone: true })),
  ];
};

interface Trained extends TrainingReport {
  /** Largest distance/bound. */
  readonly ratio: number;
}

/**
 * @param pictures a folder for a picture of the page; null takes none
 * @throws for a training that fails or whose numbers are not those of the CPU backend
 */
async function trainInPage(browser: Browser, root: string, given: Case, pictures: string | null): Promise<Trained> {
  const { backend, mode, worker, alone = false } = given;
  const report = await runJob<TrainingReport>(browser, {
    root,
    isolated: !alone,
    query: { backend, ...(mode ? { mode } : {}), ...(worker ? { worker: '' } : {}) },
    seconds: 120,
    async ended({ page }) {
      if (pictures === null) return;
      await mkdir(pictures, { recursive: true });
      await page.screenshot({ path: join(pictures, `${nameOf(given).replaceAll(/\W+/g, '-')}.png`) });
    },
  });
  const { ratio, faults } = compareTraining(report.steps, await expectedTraining(report.ulps as Backend['ulps']));
  const asked = [
    [report.backend, backend, 'the backend'],
    [report.mode, mode ?? report.mode, 'the mode'],
    [report.worker, worker, 'running in a worker'],
    [report.crossOriginIsolated, !alone, 'being cross-origin isolated'],
    [report.threads, backend === 'wasm' && !alone ? 2 : 1, 'the number of threads'],
    [report.notes.some((note) => /^one thread: .*COOP/.test(note)), alone, 'a note of the one thread'],
  ] as const;
  for (const [is, should, what] of asked) if (is !== should) faults.push(`${what} is ${is}, asked was ${should}`);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return { ...report, ratio };
}

export const pages: Suite = async ({ browser, root, settings: { modes, pictures } }) => {
  const failed: string[] = [];
  for (const given of casesOf(modes)) {
    const name = nameOf(given);
    try {
      const { milliseconds, ratio, renderer } = await trainInPage(browser, await root(given.built), given, pictures);
      const time = `${milliseconds.toFixed(0).padStart(6)} ms`;
      console.log(`ok      ${name.padEnd(30)}${time}  off by ${ratio.toFixed(3)} of the bound  ${brief(renderer)}`);
    } catch (error) {
      console.log(`FAILED  ${name.padEnd(30)}${brief(messageOf(error))}`);
      failed.push(`${name}: ${messageOf(error)}`);
    }
  }
  return failed;
};
