import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * A project of somebody who uses omoe: a temporary folder with the built package in `node_modules`, beside what the
 * package depends on, and the pages of this folder as its sources. Whatever is bundled is bundled from there, through
 * the `exports` of package.json.
 */
export interface Consumer {
  readonly folder: string;
  /** The package as it would be installed. */
  readonly omoe: string;
  remove(): Promise<void>;
}

export const repository = fileURLToPath(new URL('../..', import.meta.url));

const run = promisify(execFile);

/** Builds the sources as they are now; what lies in `dist/` is not touched and not trusted. */
async function build(outDir: string): Promise<void> {
  const tsc = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    await run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', outDir], { cwd: repository });
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    throw new Error(`the package does not compile:\n${stdout ?? error}`);
  }
}

export async function createConsumer(): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), 'omoe-browser-'));
  const omoe = join(folder, 'node_modules', 'omoe');
  try {
    await mkdir(omoe, { recursive: true });
    await cp(join(repository, 'package.json'), join(omoe, 'package.json'));
    await build(join(omoe, 'dist'));
    await linkPackages(join(folder, 'node_modules'));
    await cp(join(repository, 'property-tests', 'browser', 'pages'), join(folder, 'pages'), { recursive: true });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return { folder, omoe, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Every package that is installed here is installed there, by a link. */
async function linkPackages(target: string): Promise<void> {
  const source = join(repository, 'node_modules');
  const names = (await readdir(source)).filter((name) => !name.startsWith('.') && name !== 'omoe');
  for (const name of names) {
    await mkdir(dirname(join(target, name)), { recursive: true });
    await symlink(join(source, name), join(target, name), 'junction');
  }
}
