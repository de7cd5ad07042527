import type { BackendRequest } from './backends.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { type TrainingReport, trainingReport } from './report.ts';

/**
 * `?job=train&backend=gpujs&mode=webgl2&worker`: does the job, shows how it ended, and leaves that in the global `outcome`.
 * Only training is offered in a worker too.
 */

const asked = new URLSearchParams(location.search);
const request = {
  backend: asked.get('backend') ?? 'cpu',
  mode: asked.get('mode') ?? undefined,
} as BackendRequest;
const count = Number(asked.get('count') ?? 1);

const jobs: Readonly<Record<string, () => Promise<unknown>>> = {
  train: () => trainingReport(request),
  lose: async () => (await import('./losses.ts')).loseDevices(request),
  memory: async () => (await import('./memory.ts')).memoryOver(request, count),
  conform: async () => (await import('./conform.ts')).conform(request, count),
};

/** Bundlers find the worker by this expression; an unbundled page has none, as import maps do not reach into workers. */
function inWorker(): Promise<Outcome<unknown>> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  return new Promise<Outcome<unknown>>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: `the worker failed: ${message}` });
    worker.postMessage(request);
  }).finally(() => worker.terminate());
}

function show(title: string, rows: readonly (readonly [string, string])[]): void {
  const heading = document.createElement('h1');
  const text = document.createElement('pre');
  heading.textContent = title;
  text.textContent = rows.map(([name, value]) => `${name.padEnd(10)}${value}`).join('\n');
  document.body.replaceChildren(heading, text);
}

const trainingRows = ({ renderer, worker, notes, steps, milliseconds }: TrainingReport): [string, string][] => [
  ['renderer', renderer],
  ['thread', worker ? 'worker' : 'page'],
  ...notes.map((note): [string, string] => ['note', note]),
  ...steps.map(({ phase, loss }, step): [string, string] => [
    `step ${step}`,
    `${phase.padEnd(12)}loss ${loss.toFixed(6)}`,
  ]),
  ['time', `${milliseconds.toFixed(0)} ms`],
  ['errors', 'none'],
];

const job = asked.get('job') ?? 'train';
const outcome = asked.has('worker') ? await inWorker() : await outcomeOf(jobs[job]);
if ('error' in outcome) show(`omoe: ${job} failed`, [['error', outcome.error]]);
else if (job === 'train') {
  const report = outcome.value as TrainingReport;
  show(`omoe on ${report.backend}, ${report.mode}`, trainingRows(report));
} else show(`omoe: ${job}`, [['result', JSON.stringify(outcome.value, null, 2)]]);
Object.assign(globalThis, { outcome });
