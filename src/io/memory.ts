import type { Files } from './files.ts';
import { split } from './files.ts';

/**
 * Files in memory, for tests and for browsers without a file system. They behave as Node's do, with the same error
 * codes; `/` is there from the start.
 */
export function memoryFiles(): Files {
  // A path to its bytes, or to null where it is a folder.
  const nodes = new Map<string, Uint8Array | null>([['/', null]]);

  const within = (folder: string) => (folder === '/' ? '/' : `${folder}/`);
  const parentOf = (path: string): string => {
    const { folder } = split(path);
    if (nodes.get(folder) !== null) throw failure(nodes.has(folder) ? 'ENOTDIR' : 'ENOENT', folder);
    return folder;
  };
  const put = (path: string, bytes: Uint8Array): void => {
    parentOf(path);
    if (nodes.get(path) === null) throw failure('EISDIR', path);
    nodes.set(path, bytes);
  };
  const get = (path: string): Uint8Array => {
    const bytes = nodes.get(path);
    if (bytes === undefined) throw failure('ENOENT', path);
    if (bytes === null) throw failure('EISDIR', path);
    return bytes;
  };
  const below = (folder: string) => [...nodes.keys()].filter((path) => path !== '/' && path.startsWith(within(folder)));

  return {
    owner: 'memory',
    async read(path) {
      return get(absolute(path)).slice();
    },
    async size(path) {
      return get(absolute(path)).length;
    },
    async list(path) {
      const folder = absolute(path);
      if (!nodes.has(folder)) throw failure('ENOENT', path);
      if (nodes.get(folder) !== null) throw failure('ENOTDIR', path);
      const names = below(folder).map((inside) => inside.slice(within(folder).length));
      return names.filter((name) => !name.includes('/')).sort();
    },
    async makeFolder(path) {
      const parts = absolute(path).split('/').slice(1);
      parts.forEach((_, index) => {
        const folder = `/${parts.slice(0, index + 1).join('/')}`;
        if (nodes.get(folder) instanceof Uint8Array) throw failure('ENOTDIR', folder);
        nodes.set(folder, null);
      });
    },
    async writeNew(path, bytes) {
      put(absolute(path), bytes.slice());
    },
    async createExclusive(path, bytes) {
      if (nodes.has(absolute(path))) return false;
      put(absolute(path), bytes.slice());
      return true;
    },
    async append(path, bytes) {
      const before = nodes.get(absolute(path)) ?? new Uint8Array();
      const whole = new Uint8Array(before.length + bytes.length);
      whole.set(before);
      whole.set(bytes, before.length);
      put(absolute(path), whole);
    },
    async rename(from, to) {
      const bytes = get(absolute(from));
      put(absolute(to), bytes);
      nodes.delete(absolute(from));
    },
    async remove(path) {
      const whole = absolute(path);
      for (const inside of below(whole)) nodes.delete(inside);
      if (whole !== '/') nodes.delete(whole);
    },
    async syncFolder(path) {
      if (nodes.get(absolute(path)) !== null) throw failure('ENOENT', path);
    },
  };
}

/** `a//b/./c/` as `/a/b/c`: the working folder is `/`. */
function absolute(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return `/${parts.join('/')}`;
}

const failure = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code });
