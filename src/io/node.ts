import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './failure.ts';
import type { Files } from './files.ts';

export { nodeProcesses } from './node-processes.ts';

/** `omoe/io/node`: the {@link Files} of Node's own file system. */
export const nodeFiles: Files = {
  owner: String(process.pid),

  async read(path) {
    const { buffer, byteOffset, byteLength } = await readFile(path);
    return new Uint8Array(buffer, byteOffset, byteLength);
  },

  async size(path) {
    const found = await stat(path);
    if (found.isDirectory()) throw Object.assign(new Error(`EISDIR: ${path} is a folder`), { code: 'EISDIR' });
    return found.size;
  },

  async list(path) {
    return (await readdir(path)).sort();
  },

  /**
   * Node's own `recursive: true` is not used: Node 20 never returns from it where the parent exists and refuses with
   * ENOENT, as below /proc.
   */
  async makeFolder(path) {
    if (await isFolder(path)) return;
    if (dirname(path) !== path) await nodeFiles.makeFolder(dirname(path));
    try {
      await mkdir(path);
    } catch (error) {
      // Another process may have made it in between.
      if (!(codeOf(error) === 'EEXIST' && (await isFolder(path)))) throw error;
    }
    // Without its name in the folder above, nothing that is flushed into it would be found after a crash.
    await nodeFiles.syncFolder(dirname(path));
  },

  async writeNew(path, bytes) {
    await writeTo(await open(path, 'w'), bytes);
  },

  async createExclusive(path, bytes) {
    let file: FileHandle;
    try {
      file = await open(path, 'wx');
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
    await writeTo(file, bytes);
    return true;
  },

  async append(path, bytes) {
    const file = await open(path, 'a');
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  },

  rename: (from, to) => rename(from, to),

  remove: (path) => rm(path, { recursive: true, force: true }),

  async syncFolder(path) {
    let folder: FileHandle;
    try {
      folder = await open(path, constants.O_RDONLY);
    } catch (error) {
      if (unflushable.includes(codeOf(error))) return;
      throw error;
    }
    try {
      await folder.sync();
    } catch (error) {
      if (!unflushable.includes(codeOf(error))) throw error;
    } finally {
      await folder.close();
    }
  },
};

/** Not every system lets a folder be opened or flushed; there the rename stands alone. A real failure, EIO, is told. */
const unflushable: readonly string[] = ['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'ENOSYS', 'EBADF'];

async function writeTo(file: FileHandle, bytes: Uint8Array): Promise<void> {
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

const isFolder = async (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
