import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

/**
 * Compiles kernels/ (AssemblyScript) into generated/: a module for each kind of SIMD and of memory, its bytes inlined as base64
 * so that no bundler and no server has to find a file; the types of the exports; and a digest of the sources, by which a
 * test notices a stale build. Run by `npm run kernels`.
 */
const here = fileURLToPath(new URL('.', import.meta.url));

const variants = [
  { name: 'plain', flags: [] },
  { name: 'relaxed', flags: ['--enable', 'relaxed-simd'] },
  { name: 'plain-shared', flags: ['--enable', 'threads', '--sharedMemory'] },
  { name: 'relaxed-shared', flags: ['--enable', 'relaxed-simd', '--enable', 'threads', '--sharedMemory'] },
];

/** Pages of 64 KiB: all that an address of 32 bits reaches. */
const maximumPages = 65536;

/** Of all that decides the bytes. */
export function digestOfSources(): string {
  const hash = createHash('sha256');
  const files = readdirSync(`${here}kernels`).filter((file) => file.endsWith('.ts'));
  for (const path of ['build.ts', ...files.sort().map((file) => `kernels/${file}`)])
    hash.update(path).update(readFileSync(`${here}${path}`));
  return hash.digest('hex');
}

async function compile(flags: readonly string[]): Promise<Map<string, string | Uint8Array>> {
  const files = new Map<string, string | Uint8Array>();
  let complaints = '';
  const { error } = await main(
    [
      'kernels/index.ts',
      ...['--baseDir', here, '--outFile', 'kernels.wasm', '--bindings', 'raw'],
      ...['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', ...flags],
      ...['--importMemory', '--initialMemory', '1', '--maximumMemory', String(maximumPages)],
    ],
    {
      stderr: {
        write(text) {
          complaints += text;
        },
      },
      writeFile: (name, contents) => {
        files.set(name, contents);
      },
    },
  );
  if (error) throw new Error(`The kernels do not compile.\n${complaints}`);
  return files;
}

/** The exported functions as the methods of an interface. */
function interfaceOf(declarations: string): string {
  const functions = [...declarations.matchAll(/export function (\w+\([^)]*\): \w+;)/g)].map(([, line]) => `  ${line}`);
  return ['export interface Exports {', ...functions, '}'].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(`${here}generated`, { recursive: true });
  const write = (name: string, text: string): void =>
    writeFileSync(`${here}generated/${name}`, `// Written by backends/wasm/build.ts.\n${text}\n`);
  for (const { name, flags } of variants) {
    const files = await compile(flags);
    const bytes = Buffer.from(files.get('kernels.wasm') as Uint8Array);
    write(`${name}.ts`, `export const base64 =\n  '${bytes.toString('base64')}';`);
    if (name === 'plain') write('exports.ts', interfaceOf(files.get('kernels.d.ts') as string));
  }
  write('digest.ts', `export const digest = '${digestOfSources()}';`);
}
