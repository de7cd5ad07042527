import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { build } from 'esbuild';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { DataError, OmoeError, UsageError } from '../errors.ts';
import { openStore, type Store } from './checkpoints.ts';
import { contentsOf } from './contents.fixture.ts';
import { failingFiles } from './failing-files.fixture.ts';
import type { Files } from './files.ts';
import { memoryFiles } from './memory.ts';
import { nodeFiles, nodeProcesses } from './node.ts';

const open = (files: Files, folder = '/run'): Promise<Store> => openStore({ files, folder, processes: null });

/** The number of the newest whole checkpoint, after its bytes were compared with what that number should hold. */
async function newest(files: Files, folder = '/run'): Promise<number> {
  const { checkpoint } = await (await open(files, folder)).latest();
  if (checkpoint === null) return 0;
  const step = Number(checkpoint.name.replace('step-', ''));
  const expected = contentsOf(step);
  expect([...checkpoint.files.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, bytes] of expected)
    expect(Buffer.compare((await checkpoint.files.get(name)?.()) as Uint8Array, bytes)).toBe(0);
  return step;
}

async function saved(...steps: number[]): Promise<Files> {
  const files = memoryFiles();
  const store = await open(files);
  for (const step of steps) await store.save(`step-${step}`, contentsOf(step));
  return files;
}

describe('a store', () => {
  it('gives back the newest, by the order of saving and whatever the names', async () => {
    const files = memoryFiles();
    const store = await open(files);
    expect(await store.latest()).toEqual({ checkpoint: null, passedOver: [] });
    expect(await store.save('step-9', contentsOf(9))).toBe('/run/000001-step-9');
    await store.save('step-10', contentsOf(10));
    await store.save('best', contentsOf(3));
    await store.save('step-5', contentsOf(5));
    expect(await newest(files)).toBe(5);
    expect((await store.latest((name) => name === 'best')).checkpoint?.path).toBe('/run/000003-best');
    expect((await store.latest((name) => name === 'none')).checkpoint).toBeNull();
  });

  it('takes saves that are asked for at once one after the other', async () => {
    const files = memoryFiles();
    const store = await open(files);
    await Promise.all([1, 2, 3, 4].map((step) => store.save(`step-${step}`, contentsOf(step))));
    expect(await files.list('/run')).toEqual(['000001-step-1', '000002-step-2', '000003-step-3', '000004-step-4']);
  });

  it('writes the same bytes for the same contents, in any order', async () => {
    const manifest = async (contents: ReadonlyMap<string, Uint8Array>) => {
      const files = memoryFiles();
      return files.read(`${await (await open(files)).save('x', contents)}/manifest.json`);
    };
    const contents = contentsOf(1);
    expect(await manifest(new Map([...contents].reverse()))).toEqual(await manifest(contents));
    const [first] = JSON.parse(new TextDecoder().decode(await manifest(new Map([['a', new Uint8Array()]])))).files;
    // The hash of nothing, as every table of SHA-256 has it.
    expect(first.sha256).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it.each(['', '.', '..', 'a/b', '/a', 'a\\b', '.hidden', 'a b', 'é', 'x'.repeat(101)])(
    'refuses the name %j',
    async (name) => {
      const store = await open(memoryFiles());
      await expect(store.save(name, contentsOf(1))).rejects.toThrow(UsageError);
      await expect(store.save('x', new Map([[name, new Uint8Array()]]))).rejects.toThrow(UsageError);
    },
  );

  it('refuses files that are one on some systems, and a manifest of the caller’s', async () => {
    const store = await open(memoryFiles());
    const none = new Uint8Array();
    await expect(
      store.save(
        'x',
        new Map([
          ['a', none],
          ['A', none],
        ]),
      ),
    ).rejects.toThrow(/differ in case only/);
    await expect(store.save('x', new Map([['manifest.json', none]]))).rejects.toThrow(/manifest\.json/);
  });

  it('makes the files that are functions one after the other, each written before the next is made', async () => {
    const files = failingFiles(memoryFiles());
    const events: string[] = [];
    const made = (name: string) => async () => {
      events.push(`make ${name} after ${files.log.filter((call) => call.startsWith('writeNew')).length}`);
      return contentsOf(7).get(name)!;
    };
    const names = [...contentsOf(7).keys()];
    await (await open(files)).save('step-7', new Map(names.map((name) => [name, made(name)])));
    expect(events).toEqual(names.map((name, at) => `make ${name} after ${at}`));
    expect(await newest(files)).toBe(7);
    // The same to the byte as files that were there from the beginning.
    const other = await saved(7);
    for (const name of [...names, 'manifest.json'])
      expect(await files.read(`/run/000001-step-7/${name}`)).toEqual(await other.read(`/run/000001-step-7/${name}`));
  });

  it('writes every file beside its place, flushes and renames it, the manifest last', async () => {
    const files = failingFiles(memoryFiles());
    const path = await (await open(files)).save('step-7', contentsOf(7));
    const whole = [...contentsOf(7).keys(), 'manifest.json'].flatMap((name) => [
      ...['writeNew', 'rename'].map((call) => `${call} ${path}/.${name}.memory.part`),
      `syncFolder ${path}`,
    ]);
    expect(files.log).toEqual(['list /run', `makeFolder ${path}`, ...whole, 'syncFolder /run']);
    expect(await files.list(path)).toEqual([...contentsOf(7).keys(), 'manifest.json'].sort());
  });

  it('refuses a file over the limit, made or given, and leaves nothing of it', async () => {
    const files = memoryFiles();
    const store = await openStore({ files, folder: '/run', processes: null, largestFile: 3 });
    await store.save('fits', new Map([['a', new Uint8Array(3)]]));
    const large = new Uint8Array(4);
    for (const content of [large, async () => large]) {
      const saving = store.save('large', new Map([['a', content]]));
      await expect(saving).rejects.toThrow(UsageError);
      await expect(saving).rejects.toThrow(/a of 4 bytes.*at most 3 bytes/);
    }
    expect(await files.list('/run')).toEqual(['000001-fits']);
  });

  it('holds no file: each is read when it is asked for, and refused if it is no longer what it was', async () => {
    const files = failingFiles(await saved(1));
    const { checkpoint } = await (await open(files)).latest();
    const before = files.calls();
    await checkpoint!.files.get('state.json')!();
    expect(files.log.slice(before)).toEqual(['read /run/000001-step-1/state.json']);
    await files.append('/run/000001-step-1/state.json', new Uint8Array(1));
    const reading = checkpoint!.files.get('state.json')!();
    await expect(reading).rejects.toThrow(DataError);
    await expect(reading).rejects.toThrow(/state\.json has 12 bytes instead of 11/);
  });

  it('says that its folder is a file', async () => {
    const files = memoryFiles();
    await files.writeNew('/run', new Uint8Array());
    await expect((await open(files)).latest()).rejects.toThrow(DataError);
  });
});

describe('a save that fails', () => {
  it('at any call, once or for good, leaves the last good checkpoint the newest, or is whole itself', async () => {
    const counted = failingFiles(await saved(1));
    await (await open(counted)).save('step-2', contentsOf(2));
    // The manifest takes its place in one step, when all else is on the disk.
    expect(counted.log.at(-3)).toBe('rename /run/000002-step-2/.manifest.json.memory.part');
    for (let call = 1; call <= counted.calls(); call++)
      for (const mode of ['once', 'always', 'crash'] as const)
        for (const code of ['ENOSPC', 'EIO']) {
          const disk = await saved(1);
          const store = await open(failingFiles(disk, { call, code, mode }));
          const saving = store.save('step-2', contentsOf(2));
          await expect(saving).rejects.toThrow(OmoeError);
          await expect(saving).rejects.toThrow(code);
          const step = await newest(disk);
          // The last two calls flush folders: there the second one is written whole, and stays if it cannot be removed.
          expect(mode !== 'once' && call >= counted.calls() - 1 ? [1, 2] : [1]).toContain(step);
          if (mode === 'once') expect(await disk.list('/run')).toEqual(['000001-step-1']);
          // Whatever is left behind, the next save works and is the newest.
          await (await open(disk)).save('step-3', contentsOf(3));
          expect(await newest(disk)).toBe(3);
        }
  });

  it('is told what the system said and where', async () => {
    const store = await open(failingFiles(await saved(1), { call: 3, code: 'ENOSPC', mode: 'always' }));
    await expect(store.save('step-2', contentsOf(2))).rejects.toThrow(
      /write \/run\/000002-step-2\/model\.safetensors: received no space left on the disk \(ENOSPC\)/,
    );
  });
});

describe('a checkpoint that is damaged', () => {
  const paths = ['manifest.json', ...contentsOf(2).keys()];

  it.each(paths)('in one bit of %s is passed over', async (name) => {
    const disk = await saved(1, 2);
    const path = `/run/000002-step-2/${name}`;
    const whole = await disk.read(path);
    const stride = name === 'manifest.json' ? 5 : 97;
    for (let bit = 0; bit < whole.length * 8; bit += stride) {
      const flipped = whole.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      await disk.writeNew(path, flipped);
      const { checkpoint, passedOver } = await (await open(disk)).latest();
      if (checkpoint?.name !== 'step-1') expect(`bit ${bit}`).toBe('found');
      expect(passedOver[0].name).toBe('step-2');
    }
    await disk.writeNew(path, whole);
    expect(await newest(disk)).toBe(2);
  });

  it.each(paths)('by a cut of %s, or without it, is passed over and named', async (name) => {
    const disk = await saved(1, 2);
    const path = `/run/000002-step-2/${name}`;
    const whole = await disk.read(path);
    for (const cut of [0, 1, whole.length >> 1, whole.length - 1].filter((cut) => cut >= 0 && cut < whole.length)) {
      await disk.writeNew(path, whole.slice(0, cut));
      const { passedOver } = await (await open(disk)).latest();
      expect(passedOver).toHaveLength(1);
      expect(passedOver[0].reason).toMatch(name);
      expect(await newest(disk)).toBe(1);
    }
    await disk.remove(path);
    const { passedOver } = await (await open(disk)).latest();
    expect(passedOver[0].reason).toMatch(name);
    expect(await newest(disk)).toBe(1);
  });

  it('by a foreign manifest, or under a foreign name, is passed over', async () => {
    const disk = await saved(1, 2);
    await disk.writeNew('/run/000002-step-2/manifest.json', await disk.read('/run/000001-step-1/manifest.json'));
    expect(await newest(disk)).toBe(1);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (junk) => {
        await disk.writeNew('/run/000002-step-2/manifest.json', junk);
        expect(await newest(disk)).toBe(1);
      }),
    );
  });

  it('cannot lead out of its folder', async () => {
    const disk = await saved(1);
    await disk.makeFolder('/run/000002-x');
    const entry = { name: '../000001-step-1/state.json', size: 1, sha256: '' };
    const manifest = JSON.stringify({ schema: 'omoe.checkpoint/1', name: 'x', files: [entry] }, null, 2);
    await disk.writeNew('/run/000002-x/manifest.json', new TextEncoder().encode(`${manifest}\n`));
    const { passedOver } = await (await open(disk)).latest();
    expect(passedOver[0].reason).toBe('manifest.json is damaged');
  });

  it('as all are gives none, and says of each why', async () => {
    const disk = await saved(1, 2);
    await disk.remove('/run/000002-step-2/manifest.json');
    await disk.append('/run/000001-step-1/state.json', new Uint8Array(1));
    const { checkpoint, passedOver } = await (await open(disk)).latest();
    expect(checkpoint).toBeNull();
    expect(passedOver.map(({ name }) => name)).toEqual(['step-2', 'step-1']);
    expect(passedOver[0].reason).toBe('it is unfinished: it has no manifest.json');
    expect(passedOver[1].reason).toMatch(/^state\.json has \d+ bytes instead of \d+$/);
  });
});

describe('prune', () => {
  it('keeps the newest whole ones, and what is newer than them', async () => {
    const disk = await saved(1, 2, 3, 4, 5);
    await disk.remove('/run/000005-step-5/manifest.json');
    await disk.append('/run/000003-step-3/state.json', new Uint8Array(1));
    const store = await open(disk);
    expect((await store.prune(2)).sort()).toEqual(['/run/000001-step-1', '/run/000003-step-3']);
    expect(await disk.list('/run')).toEqual(['000002-step-2', '000004-step-4', '000005-step-5']);
    await expect(store.prune(0)).rejects.toThrow(UsageError);
  });

  it('reads no checkpoint again that the store wrote or compared itself, and notices one that is gone', async () => {
    const files = failingFiles(await saved(1));
    const store = await open(files);
    await store.latest();
    await store.save('step-2', contentsOf(2));
    const before = files.calls();
    expect(await store.prune(2)).toEqual([]);
    const reads = files.log.slice(before).filter((call) => call.startsWith('read '));
    expect(reads).toEqual(['read /run/000002-step-2/manifest.json', 'read /run/000001-step-1/manifest.json']);
    // A foreign one is read, once.
    await (await open(files)).save('step-3', contentsOf(3));
    const readsOf = async () => {
      const start = files.calls();
      await store.prune(1, (name) => name === 'step-3');
      return files.log.slice(start).filter((call) => call.startsWith('read ')).length;
    };
    expect([await readsOf(), await readsOf()]).toEqual([1 + contentsOf(3).size, 1]);
    await files.remove('/run/000003-step-3/model.safetensors');
    expect(await store.prune(1)).toEqual(['/run/000001-step-1']);
  });

  const names = [1, 2, 3, 4].map((step) => `00000${step}-step-${step}`);
  it.each(
    ['EIO', 'EMFILE'].flatMap((code) =>
      [1, 2].flatMap((keep) => [true, false].map((known) => ({ code, keep, known }))),
    ),
  )('removes nothing where a file cannot be looked at: $code, keep $keep, known $known', async (given) => {
    const { code, keep, known } = given;
    /** A prune of which one call fails, counted from the opening of the store; its own calls begin behind `opened`. */
    const pruned = async (call: number | null) => {
      const disk = await saved(1, 2, 3, 4);
      const files = failingFiles(disk, call === null ? undefined : { call, code, mode: 'once' });
      const store = await open(files);
      if (known) for (const step of [4, 3, 2, 1]) await store.latest((name) => name === `step-${step}`);
      const opened = files.calls();
      const outcome = await store.prune(keep).catch((thrown: unknown) => thrown);
      return { outcome, opened, log: files.log, left: await disk.list('/run') };
    };
    const healthy = await pruned(null);
    expect(healthy.outcome).toHaveLength(4 - keep);
    expect(healthy.left).toEqual(names.slice(-keep));
    const looked = healthy.log.findIndex((line) => line.startsWith('remove '));
    expect(looked - healthy.opened).toBeGreaterThan(keep * contentsOf(1).size);
    for (let call = healthy.opened + 1; call <= looked; call++) {
      const { outcome, left } = await pruned(call);
      expect(outcome, healthy.log[call - 1]).toBeInstanceOf(OmoeError);
      expect((outcome as Error).message).toContain(code);
      expect(left, healthy.log[call - 1]).toEqual(names);
    }
  });

  it.each([1, 2])('does not count a file that was cut as there, keep %i', async (keep) => {
    const disk = await saved(1);
    const store = await open(disk);
    for (const step of [2, 3, 4]) await store.save(`step-${step}`, contentsOf(step));
    for (const cut of [4, 3]) await disk.writeNew(`/run/00000${cut}-step-${cut}/model.safetensors`, new Uint8Array());
    await store.prune(keep);
    // The two that were cut are newer than the newest whole one, and such are left.
    expect(await disk.list('/run')).toEqual(names.slice(keep === 1 ? 1 : 0));
    expect(await newest(disk)).toBe(2);
  });

  it('compares the bytes of the one that it leaves alone with its manifest', async () => {
    const disk = await saved(1);
    const store = await open(disk);
    for (const step of [2, 3]) await store.save(`step-${step}`, contentsOf(step));
    const path = '/run/000003-step-3/model.safetensors';
    const flipped = await disk.read(path);
    flipped[17] ^= 1;
    await disk.writeNew(path, flipped);
    expect(await store.prune(1)).toEqual(['/run/000001-step-1']);
    expect(await newest(disk)).toBe(2);
  });

  it('removes only what is chosen, and nothing where nothing is whole', async () => {
    const disk = await saved(1, 2, 3);
    const store = await open(disk);
    expect(await store.prune(1, (name) => name !== 'step-1')).toEqual(['/run/000002-step-2']);
    for (const folder of ['000001-step-1', '000003-step-3']) await disk.remove(`/run/${folder}/manifest.json`);
    expect(await store.prune(1)).toEqual([]);
  });

  it('that fails at any call leaves the newest whole', async () => {
    const counted = failingFiles(await saved(1, 2, 3));
    await (await open(counted)).prune(1);
    for (let call = 1; call <= counted.calls(); call++)
      for (const mode of ['once', 'crash'] as const) {
        const disk = await saved(1, 2, 3);
        await (await open(failingFiles(disk, { call, code: 'EIO', mode }))).prune(1).catch((error: unknown) => {
          expect(error).toBeInstanceOf(OmoeError);
        });
        expect(await newest(disk)).toBe(3);
      }
  });
});

describe('a process that is killed while it saves', () => {
  let program: string;
  beforeAll(async () => {
    const built = await build({
      entryPoints: [new URL('./saving-process.fixture.ts', import.meta.url).pathname],
      ...{ bundle: true, platform: 'node', format: 'esm', write: false, logLevel: 'error' },
    });
    program = built.outputFiles[0].text;
  });

  it('leaves a whole checkpoint, no older than the last it reported; the next one takes its lock over', async () => {
    const folder = mkdtempSync(`${tmpdir()}/omoe-kills-`);
    let child: ChildProcess | undefined;
    onTestFinished(() => {
      child?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    await nodeFiles.writeNew(`${folder}/program.mjs`, new TextEncoder().encode(program));
    let step = 0;
    for (let kill = 0; kill < 12; kill++) {
      child = spawn(process.execPath, [`${folder}/program.mjs`, `${folder}/run`, String(step + 1)]);
      let said = '';
      child.stdout?.on('data', (data) => {
        said += data;
      });
      let errors = '';
      child.stderr?.on('data', (data) => {
        errors += data;
      });
      const ended = new Promise((resolve) => child?.once('close', resolve));
      // Once it has said that it has the lock, at another moment each time: one save takes a few milliseconds.
      await new Promise((resolve) => child?.stdout?.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, (kill * 37) % 50));
      // However slow the machine is, some of them have saved.
      if (kill % 4 === 2 && !said.slice(said.indexOf('\n') + 1).includes('\n'))
        await new Promise((resolve) => child?.stdout?.once('data', resolve));
      if (kill === 3) {
        const second = openStore({ files: nodeFiles, folder: `${folder}/run`, processes: nodeProcesses });
        await expect(second).rejects.toThrow(UsageError);
        await expect(second).rejects.toThrow(new RegExp(`in use by process ${child.pid} on`));
      }
      child.kill('SIGKILL');
      await ended;
      expect(errors).toBe('');
      const [opened, ...reports] = said.split('\n');
      expect(opened).toBe(`open ${kill === 0 ? 0 : 1}`);
      const reported = Number(reports.filter((line) => line !== '').at(-1) ?? step);
      const found = await newest(nodeFiles, `${folder}/run`);
      expect(found).toBeGreaterThanOrEqual(reported);
      expect(found).toBeLessThanOrEqual(reported + 1);
      step = found;
    }
    expect(step).toBeGreaterThan(0);
  });
});
