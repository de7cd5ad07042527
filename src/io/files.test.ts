import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { OmoeError } from '../errors.ts';
import { failingFiles } from './failing-files.fixture.ts';
import { type Files, join, split, writeWhole } from './files.ts';
import { memoryFiles } from './memory.ts';
import { nodeFiles } from './node.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = async (files: Files, path: string) => new TextDecoder().decode(await files.read(path));

function scratch(): string {
  const folder = mkdtempSync(`${tmpdir()}/omoe-files-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Both implementations, each with an empty folder. */
const kinds: readonly (readonly [string, () => Promise<{ files: Files; folder: string }>])[] = [
  ['nodeFiles', async () => ({ files: nodeFiles, folder: scratch() })],
  [
    'memoryFiles',
    async () => {
      const files = memoryFiles();
      await files.makeFolder('/tmp');
      return { files, folder: '/tmp' };
    },
  ],
];

describe.each(kinds)('%s', (_, make) => {
  it('writes, replaces, adds to, renames, lists and removes', async () => {
    const { files, folder } = await make();
    const path = join(folder, 'b');
    await files.writeNew(path, bytes('a longer text'));
    await files.writeNew(path, bytes('short'));
    expect(await text(files, path)).toBe('short');
    await files.append(path, bytes('er'));
    await files.append(join(folder, 'a'), bytes('new'));
    expect(await text(files, path)).toBe('shorter');
    expect(await files.list(folder)).toEqual(['a', 'b']);
    await files.rename(join(folder, 'a'), path);
    expect(await text(files, path)).toBe('new');
    await files.syncFolder(folder);
    await files.remove(path);
    await files.remove(path);
    expect(await files.list(folder)).toEqual([]);
  });

  it('makes folders and those above them, once or twice, and removes them with all in them', async () => {
    const { files, folder } = await make();
    const deep = join(folder, 'x/y/z');
    await files.makeFolder(deep);
    await files.makeFolder(deep);
    await files.writeNew(join(deep, 'f'), bytes('1'));
    expect(await files.list(join(folder, 'x'))).toEqual(['y']);
    await files.remove(join(folder, 'x'));
    expect(await files.list(folder)).toEqual([]);
    await expect(files.read(join(deep, 'f'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('lets only one of many create a file', async () => {
    const { files, folder } = await make();
    const path = join(folder, 'lock');
    const told = await Promise.all(['1', '2', '3', '4'].map((who) => files.createExclusive(path, bytes(who))));
    expect(told.filter(Boolean)).toHaveLength(1);
    expect(await text(files, path)).toBe(String(told.indexOf(true) + 1));
  });

  it('keeps its own copy, and says what is not there', async () => {
    const { files, folder } = await make();
    const given = bytes('x');
    await files.writeNew(join(folder, 'f'), given);
    given[0] = 0;
    (await files.read(join(folder, 'f')))[0] = 0;
    expect(await text(files, join(folder, 'f'))).toBe('x');
    await expect(files.read(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.list(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.list(join(folder, 'f'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(files.writeNew(join(folder, 'none/f'), given)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.makeFolder(join(folder, 'f'))).rejects.toBeInstanceOf(Error);
    await expect(files.read(folder)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('says how long a file is', async () => {
    const { files, folder } = await make();
    const path = join(folder, 'f');
    await files.writeNew(path, new Uint8Array());
    expect(await files.size(path)).toBe(0);
    await files.append(path, new Uint8Array(300));
    expect(await files.size(path)).toBe(300);
    await expect(files.size(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.size(folder)).rejects.toMatchObject({ code: 'EISDIR' });
  });
});

describe('nodeFiles', () => {
  it.skipIf(!existsSync('/proc/self'))('refuses a folder below /proc, and does not wait for it', async () => {
    await expect(nodeFiles.makeFolder('/proc/omoe/x')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('flushes the parent of every folder that it makes, and of no other', async () => {
    const folder = scratch();
    const flushed = vi.spyOn(nodeFiles, 'syncFolder');
    onTestFinished(() => flushed.mockRestore());
    await nodeFiles.makeFolder(`${folder}/x/y/z`);
    expect(flushed.mock.calls.map(([path]) => path)).toEqual([folder, `${folder}/x`, `${folder}/x/y`]);
    await nodeFiles.makeFolder(`${folder}/x/y/z`);
    expect(flushed).toHaveBeenCalledTimes(3);
  });
});

describe('writeWhole', () => {
  it('leaves the old file or the new one, never a mix, and no temporary file, whichever call fails', async () => {
    const once = failingFiles(memoryFiles());
    await writeWhole(once, '/f', bytes('the new text'));
    const calls = once.calls();
    expect(calls).toBe(3);
    for (let call = 1; call <= calls; call++)
      for (const mode of ['once', 'always', 'crash'] as const) {
        const disk = memoryFiles();
        await disk.writeNew('/f', bytes('the old text'));
        const writing = writeWhole(failingFiles(disk, { call, code: 'ENOSPC', mode }), '/f', bytes('the new text'));
        await expect(writing).rejects.toThrow(OmoeError);
        await expect(writing).rejects.toThrow(/write \/f: received no space left on the disk \(ENOSPC\)/);
        expect(await text(disk, '/f')).toBe(call < 3 ? 'the old text' : 'the new text');
        if (mode === 'once') expect(await disk.list('/')).toEqual(['f']);
      }
  });

  it('leaves a folder of that name as it is', async () => {
    const folder = scratch();
    mkdirSync(`${folder}/f`);
    writeFileSync(`${folder}/f/old`, 'old');
    await expect(writeWhole(nodeFiles, `${folder}/f`, bytes('new'))).rejects.toThrow(OmoeError);
    expect(readFileSync(`${folder}/f/old`, 'utf8')).toBe('old');
    expect(await nodeFiles.list(folder)).toEqual(['f']);
  });

  it('writes many files at once, each whole', async () => {
    const folder = scratch();
    const texts = Array.from({ length: 20 }, (_, at) => `${at} `.repeat(1000));
    await Promise.all(texts.map((one, at) => writeWhole(nodeFiles, `${folder}/${at}`, bytes(one))));
    for (const [at, one] of texts.entries()) expect(readFileSync(`${folder}/${at}`, 'utf8')).toBe(one);
    expect(await nodeFiles.list(folder)).toHaveLength(20);
  });
});

describe('paths', () => {
  it('are split and joined again', () => {
    expect(split('f')).toEqual({ folder: '.', name: 'f' });
    expect(split('/f')).toEqual({ folder: '/', name: 'f' });
    expect(split('a\\b/c')).toEqual({ folder: 'a\\b', name: 'c' });
    const name = fc.string({ minLength: 1 }).filter((one) => !one.includes('/'));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1 }), name, (folders, last) => {
        const folder = folders.join('/');
        expect(split(join(folder, last))).toEqual({ folder, name: last });
      }),
    );
  });
});
