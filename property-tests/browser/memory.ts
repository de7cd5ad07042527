import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { runJob } from './jobs.ts';
import type { MemorySample } from './pages/memory.ts';
import { brief, messageOf, requestOf, type Suite } from './suite.ts';

/**
 * A long training holds as much at its end as after its first cycle: the same number of buffers and bytes by the backend's
 * count, the same number of textures or WebGPU buffers by the browser's. The JavaScript heap after a collection and the memory of
 * the browser's processes are printed beside it, for people: both move with what else goes on in a browser.
 */
export const memory: Suite = async ({ browser, root, settings: { memoryModes, steps, seconds } }) => {
  const failed: string[] = [];
  for (const mode of memoryModes) {
    const query = { job: 'memory', ...requestOf(mode), count: String(steps) };
    const resident: number[] = [];
    try {
      const begun = performance.now();
      const samples = await runJob<MemorySample[]>(browser, {
        root: await root('vite'),
        query,
        seconds,
        watch: async () => void resident.push(await residentMemory(browser)),
      });
      const faults = growth(samples);
      const [first, last] = [samples[0], samples[samples.length - 1]];
      const made = samples.slice(1).reduce((sum, sample) => sum + sample.made, 0);
      console.log(
        [
          `${faults.length ? 'FAILED' : 'ok    '}  ${mode.padEnd(14)}${last.step} steps`,
          `buffers ${first.buffers} -> ${last.buffers}, ${first.bytes} -> ${last.bytes} bytes`,
          `device objects ${first.objects} -> ${last.objects} of ${made} made`,
          `heap ${megabytes(first.heap)} -> ${megabytes(last.heap)}`,
          `processes ${[0, 0.25, 0.5, 0.75, 1].map((part) => megabytes(resident[Math.floor(part * (resident.length - 1))])).join(' -> ')}`,
          `${((performance.now() - begun) / last.step).toFixed(1)} ms a step`,
        ].join('; '),
      );
      failed.push(...faults.map((fault) => `${mode}: ${fault}`));
    } catch (error) {
      console.log(`FAILED  ${mode.padEnd(14)}${brief(messageOf(error))}`);
      failed.push(`${mode}: ${messageOf(error)}`);
    }
  }
  return failed;
};

/** What is more in a later sample than in the first one. */
function growth(samples: readonly MemorySample[]): string[] {
  const faults: string[] = [];
  const [first] = samples;
  for (const name of ['buffers', 'bytes', 'objects'] as const) {
    const larger = samples.find((sample) => sample[name] > first[name]);
    if (larger)
      faults.push(`${name} went from ${first[name]} at step ${first.step} to ${larger[name]} at step ${larger.step}`);
  }
  return faults;
}

/** Resident bytes of all processes of the browser; 0 where the system does not tell (it does on Linux). */
async function residentMemory(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  try {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const sizes = await Promise.all(
      processInfo.map(async ({ id }) => {
        const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
        return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
      }),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  } finally {
    await session.detach();
  }
}

const megabytes = (bytes: number | null | undefined): string => (bytes ? `${(bytes / 2 ** 20).toFixed(0)} MiB` : '?');
