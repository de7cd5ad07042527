import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build as esbuild, transform } from 'esbuild';
import { build as vite } from 'vite';
import type { Consumer } from './consumer.ts';

/** The pages in the three ways people put omoe into one. Each gives a folder with an `index.html`. */

export type Built = 'vite' | 'esbuild' | 'plain';

/** `using` and private names are lowered to what every browser of the last years has. */
const target = 'es2022';

/** As `vite build` does it with its defaults; Vite finds the worker by itself. */
export async function buildWithVite({ folder }: Consumer): Promise<string> {
  const outDir = join(folder, 'built-vite');
  const refused: string[] = [];
  await vite({
    root: join(folder, 'pages'),
    configFile: false,
    logLevel: 'warn',
    customLogger: collecting(refused),
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target, ...withoutAdvice },
  });
  if (refused.length > 0) throw new Error(`vite build warned:\n${refused.join('\n')}`);
  return outDir;
}

/** Vite also remarks on how large things are and how long they took; that is no fault of the package. */
export const withoutAdvice = {
  chunkSizeWarningLimit: Infinity,
  rolldownOptions: { checks: { pluginTimings: false, bundlerTimings: false } },
};

/** Takes warnings as errors: Vite only warns when a page would import what no browser has. */
export function collecting(warnings: string[]) {
  const note = (message: string) => void warnings.push(message);
  return {
    info: () => {},
    warn: note,
    warnOnce: note,
    error: note,
    clearScreen: () => {},
    hasErrorLogged: () => false,
    hasWarned: false,
  };
}

/** esbuild finds no workers: the worker is an entry point of its own, under the name that the page asks for. */
export async function buildWithEsbuild({ folder }: Consumer): Promise<string> {
  const outdir = join(folder, 'built-esbuild');
  const { warnings } = await esbuild({
    absWorkingDir: join(folder, 'pages'),
    entryPoints: ['page.ts', 'worker.ts'],
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target,
    tsconfigRaw: {},
    logLevel: 'silent',
  });
  if (warnings.length > 0) throw new Error(`esbuild warned:\n${warnings.map(({ text }) => text).join('\n')}`);
  await writePage(folder, outdir, '');
  return outdir;
}

/**
 * Nothing is bundled: the built package is served as it is, and an import map says where its names lie. Three of them are
 * other packages:
 * - ndarray is CommonJS, which no browser reads. It is served as a module, as CDNs do it (`+esm`).
 * - valibot is a module already.
 * - gpu.js ships a file for a script tag, which leaves a global; the page hands it on, `gpujs({ module: GPU })`.
 * Import maps do not reach into workers: a worker has to be bundled.
 */
export async function servePlain({ folder, omoe }: Consumer): Promise<string> {
  const root = join(folder, 'built-plain');
  await mkdir(root, { recursive: true });
  for (const file of await readdir(join(folder, 'pages')))
    if (file.endsWith('.ts')) {
      const source = await readFile(join(folder, 'pages', file), 'utf8');
      // Types are taken out, and imports name what lies on the server: nothing else.
      const { code } = await transform(source, { loader: 'ts', target, tsconfigRaw: {} });
      await writeFile(join(root, file.replace(/ts$/, 'js')), code.replaceAll(/(from ".\/\w+)\.ts"/g, '$1.js"'));
    }
  await cp(join(omoe, 'dist'), join(root, 'omoe', 'dist'), { recursive: true });
  const packages = join(folder, 'node_modules');
  await esbuild({
    absWorkingDir: folder,
    stdin: { contents: "export { default } from 'ndarray';", resolveDir: folder },
    outfile: join(root, 'ndarray.js'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'silent',
  });
  await cp(join(packages, 'valibot', 'dist', 'index.mjs'), join(root, 'valibot.js'));
  await cp(join(packages, 'gpu.js', 'dist', 'gpu-browser.min.js'), join(root, 'gpu-browser.min.js'));

  const { exports } = JSON.parse(await readFile(join(omoe, 'package.json'), 'utf8'));
  const imports: Record<string, string> = { ndarray: '/ndarray.js', valibot: '/valibot.js' };
  for (const [subpath, conditions] of Object.entries<{ default?: string }>(exports))
    if (conditions.default) imports[`omoe${subpath.slice(1)}`] = `/omoe${conditions.default.slice(1)}`;
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  await writePage(folder, root, `<script src="/gpu-browser.min.js"></script>${map}`);
  return root;
}

/** The page of the sources with a script that the browser can read. */
async function writePage(folder: string, target: string, head: string): Promise<void> {
  const html = await readFile(join(folder, 'pages', 'index.html'), 'utf8');
  const script = '<script type="module" src="./page.ts"></script>';
  if (!html.includes(script)) throw new Error(`pages/index.html has no ${script}`);
  await writeFile(
    join(target, 'index.html'),
    html.replace(script, `${head}<script type="module" src="./page.js"></script>`),
  );
}
