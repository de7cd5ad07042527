import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';
import { collecting, withoutAdvice } from './bundles.ts';
import type { Consumer } from './consumer.ts';
import type { Place } from './suite.ts';

/** Every subpath of the package bundles for browsers, with nothing left outside but optional peers. Needs no browser. */

interface Bundled {
  readonly name: string;
  /** Bytes, minified and then compressed as a server sends them: all of the subpath, nothing shaken out. */
  readonly esbuild: number;
  readonly vite: number;
  /** Optional peers that it imports. */
  readonly peers: readonly string[];
}

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default?: string }>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

async function bundleExports(consumer: Consumer): Promise<Bundled[]> {
  const manifest: Manifest = JSON.parse(await readFile(join(consumer.omoe, 'package.json'), 'utf8'));
  const peers = Object.keys(manifest.peerDependencies ?? {}).filter(
    (name) => manifest.peerDependenciesMeta?.[name]?.optional,
  );
  const done: Bundled[] = [];
  for (const [subpath, found] of Object.entries(manifest.exports)) {
    // What has no default is for Node alone: no bundler for browsers finds it.
    if (typeof found === 'string' || found.default === undefined) continue;
    const name = `omoe${subpath.slice(1)}`;
    const entry = join(consumer.folder, 'entry.js');
    await writeFile(entry, `export * from '${name}';\n`);
    try {
      const [first, second] = [await byEsbuild(consumer, entry, peers), await byVite(consumer, entry, peers)];
      done.push({ name, esbuild: first.bytes, vite: second.bytes, peers: first.peers });
    } catch (error) {
      throw new Error(`${name} does not bundle for browsers: ${error instanceof Error ? error.message : error}`);
    }
  }
  return done;
}

interface Output {
  readonly bytes: number;
  readonly peers: readonly string[];
}

async function byEsbuild({ folder }: Consumer, entry: string, peers: string[]): Promise<Output> {
  const { outputFiles, metafile, warnings } = await esbuild({
    absWorkingDir: folder,
    entryPoints: [entry],
    outdir: join(folder, 'bundled'),
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    external: peers,
    tsconfigRaw: {},
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  refuse(warnings.map(({ text }) => text));
  const left = Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter(({ external }) => external));
  return {
    bytes: sizeOf(outputFiles.map(({ text }) => text)),
    peers: onlyPeers(
      left.map(({ path }) => path),
      peers,
    ),
  };
}

async function byVite({ folder }: Consumer, entry: string, peers: string[]): Promise<Output> {
  const warnings: string[] = [];
  const built = await vite({
    root: folder,
    configFile: false,
    logLevel: 'warn',
    customLogger: collecting(warnings),
    build: {
      write: false,
      lib: { entry, formats: ['es'] },
      minify: true,
      ...withoutAdvice,
      rolldownOptions: { ...withoutAdvice.rolldownOptions, external: peers },
    },
  });
  refuse(warnings);
  const chunks = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []));
  const code = chunks.flatMap((chunk) => (chunk.type === 'chunk' ? [chunk] : []));
  const own = new Set(code.map(({ fileName }) => fileName));
  const left = code.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
  return {
    bytes: sizeOf(code.map((chunk) => chunk.code)),
    peers: onlyPeers(
      left.filter((name) => !own.has(name)),
      peers,
    ),
  };
}

const sizeOf = (files: readonly string[]): number => files.reduce((sum, text) => sum + gzipSync(text).length, 0);

function refuse(warnings: readonly string[]): void {
  if (warnings.length > 0) throw new Error(warnings.join('\n'));
}

/** @throws for an import that nobody declared */
function onlyPeers(left: readonly string[], peers: readonly string[]): string[] {
  const strangers = left.filter((name) => !peers.includes(name));
  if (strangers.length > 0) throw new Error(`it leaves ${strangers.join(', ')} outside`);
  return [...new Set(left)];
}

const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(1).padStart(6)} KiB`;

export async function exports({ consumer }: Pick<Place, 'consumer'>): Promise<string[]> {
  for (const { name, esbuild, vite, peers } of await bundleExports(consumer))
    console.log(`${name.padEnd(24)}esbuild ${kilobytes(esbuild)}  vite ${kilobytes(vite)}  ${peers.join(', ')}`);
  return [];
}
