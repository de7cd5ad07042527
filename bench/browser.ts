import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { findChromium, launchChromium, openPage } from '../property-tests/browser/chromium.ts';
import { serve } from '../property-tests/browser/server.ts';
import type { Runs } from './runs.ts';

/** The same cases in a page of the installed Chromium, a fresh browser for each. Bundled by esbuild; nothing is downloaded. */
export async function inFreshBrowsers(): Promise<Runs> {
  const found = findChromium();
  if ('absent' in found) throw new Error(found.absent);
  const folder = await mkdtemp(join(tmpdir(), 'omoe-bench-'));
  await build({
    entryPoints: [fileURLToPath(new URL('./page.ts', import.meta.url))],
    outfile: join(folder, 'page.js'),
    ...{ bundle: true, format: 'esm', platform: 'browser', target: 'es2022', tsconfigRaw: {}, logLevel: 'error' },
  });
  await writeFile(join(folder, 'index.html'), '<!doctype html><script type="module" src="page.js"></script>');
  const server = await serve(folder);
  return {
    async run<T>(task: string, text: string) {
      const browser = await launchChromium(found.path);
      try {
        const { page } = await openPage(browser, `${server.url}/index.html`);
        await page.waitForFunction(() => 'bench' in globalThis);
        const result = await page.evaluate(
          ([name, given]) => Reflect.get(globalThis, 'bench')(name, given),
          [task, text],
        );
        return { result: result as T };
      } catch (error) {
        return { error: (error instanceof Error ? error.message : String(error)).split('\n')[0] };
      } finally {
        await browser.close();
      }
    },
    async close() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
