import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

/** The Chromium that is installed; nothing is downloaded. `OMOE_CHROMIUM` names another one. */

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function findChromium(): { readonly path: string } | { readonly absent: string } {
  const named = process.env.OMOE_CHROMIUM;
  const path = (named ? [named] : places).find(existsSync);
  return path
    ? { path }
    : { absent: `no Chromium at ${named ?? places.join(', ')} (OMOE_CHROMIUM names another place)` };
}

/** Quiet and offline; WebGL and WebGPU by software where there is no graphics card, so that every mode runs anywhere. */
const flags = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A page in the background must not run slower than one in front.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--enable-precise-memory-info',
  '--js-flags=--expose-gc',
];
const software = [
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
];
const hardware = ['--ignore-gpu-blocklist', '--enable-unsafe-webgpu', '--enable-features=Vulkan'];

/** `OMOE_CHROMIUM_GPU=hardware` takes the machine's graphics card. */
export function launchChromium(path: string): Promise<Browser> {
  const graphics = process.env.OMOE_CHROMIUM_GPU === 'hardware' ? hardware : software;
  return chromium.launch({ executablePath: path, headless: true, args: [...flags, ...graphics] });
}

export interface OpenPage {
  readonly page: Page;
  /**
   * The global of this name, once the page has set it.
   * @param waiting is called about every two seconds until then
   * @throws after `seconds`, or as soon as the page complains
   */
  global<T>(name: string, seconds: number, waiting?: () => Promise<void> | undefined): Promise<T>;
  /** What went wrong in the page so far: uncaught errors, `console.error`, files that were not there. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

/** A page in a context of its own, so that nothing is shared between two of them but the browser. */
export async function openPage(browser: Browser, url: string): Promise<OpenPage> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('crash', () => errors.push('the page crashed'));
  page.on('response', (response) => {
    if (response.status() >= 400) errors.push(`${response.status()} for ${new URL(response.url()).pathname}`);
  });
  await page.goto(url);
  return {
    page,
    errors,
    close: () => context.close(),
    async global<T>(name: string, seconds: number, waiting?: () => Promise<void> | undefined): Promise<T> {
      const end = performance.now() + 1000 * seconds;
      for (let round = 1; !(await page.evaluate((key) => key in globalThis, name)); round++) {
        if (errors.length > 0) throw new Error(errors.join('\n'));
        if (performance.now() > end) throw new Error(`not finished after ${seconds} s`);
        if (round % 20 === 0) await waiting?.();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return page.evaluate((key) => Reflect.get(globalThis, key), name);
    },
  };
}
