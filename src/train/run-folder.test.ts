import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DataError, OmoeError, UsageError } from '../errors.ts';
import { decodeJson, encodeJson } from './json.ts';
import { createRunFolder, readRunFolder, writeWhole } from './run-folder.ts';
import type { MethodRun, StepEvent } from './types.ts';

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'omoe-runs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const now = new Date(Date.UTC(2026, 1, 3, 14, 5, 9));
const event = { seed: 0, method: 'omoe', step: 0, loss: Number.NaN, taskLoss: Number.POSITIVE_INFINITY } as StepEvent;
const run = (method: string) => ({ method, seed: 3, metric: 0.5, normKept: null }) as MethodRun;

describe('encodeJson', () => {
  it('keeps NaN, the infinities and everything else through a round trip', () => {
    const value = fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      fc.oneof(fc.double(), fc.constant(null), fc.boolean(), fc.array(fc.double())),
    );
    // JSON has no -0: it comes back as 0, which is equal in every comparison of numbers.
    const positive = (item: unknown): unknown => (item === 0 ? 0 : Array.isArray(item) ? item.map(positive) : item);
    fc.assert(
      fc.property(value, (written) => {
        const expected = Object.fromEntries(Object.entries(written).map(([k, item]) => [k, positive(item)]));
        expect({ ...(decodeJson(encodeJson(written)) as object) }).toEqual({ ...expected });
      }),
    );
    expect(encodeJson([Number.NaN, Number.NEGATIVE_INFINITY])).toBe('["NaN","-Infinity"]');
  });
});

describe('createRunFolder', () => {
  it('names folders by time and task, and never the same one twice', async () => {
    const parent = join(scratch(), 'runs');
    const options = { task: 'embedded', parent, now, plan: {} };
    const [first, second] = [await createRunFolder(options), await createRunFolder(options)];
    expect(first.path).toBe(join(parent, '2026-02-03-140509-embedded'));
    expect(second.path).toBe(join(parent, '2026-02-03-140509-embedded-2'));
    first.close();
    second.close();
  });

  it('writes what is read back, NaN included', async () => {
    const out = join(scratch(), 'a', 'b');
    const folder = await createRunFolder({ task: 't', out, now, plan: { steps: 1 } });
    folder.append(event);
    folder.append({ note: 'retry' });
    await folder.saveRun(run('omoe:side=input,alpha=1e-2'));
    await folder.saveResult({ schema: 'x', low: Number.NaN });
    await folder.saveReport('<!doctype html>');
    folder.close();
    folder.append(event);
    expect(readFileSync(join(out, 'metrics.jsonl'), 'utf8').split('\n')[0]).toContain(
      '"loss":"NaN","taskLoss":"Infinity"',
    );
    expect(readdirSync(out).sort()).toEqual(['methods', 'metrics.jsonl', 'plan.json', 'report.html', 'result.json']);
    expect(readdirSync(join(out, 'methods'))).toEqual(['omoe_side=input_alpha=1e-2-seed3.json']);
    expect(await readRunFolder(out)).toEqual({
      result: { schema: 'x', low: Number.NaN },
      events: [event],
      runs: [run('omoe:side=input,alpha=1e-2')],
    });
  });

  it('gives methods whose names differ only in odd characters a file each', async () => {
    const out = join(scratch(), 'run');
    const folder = await createRunFolder({ task: 't', out, now, plan: {} });
    for (const name of ['a:b', 'a,b', 'a:b']) await folder.saveRun(run(name));
    folder.close();
    expect(readdirSync(join(out, 'methods')).sort()).toEqual(['a_b-seed3.json', 'a_b~2-seed3.json']);
  });

  it('takes an empty folder and refuses one with anything in it, untouched', async () => {
    const out = scratch();
    (await createRunFolder({ task: 't', out, now, plan: {} })).close();
    const before = readdirSync(out);
    const again = createRunFolder({ task: 't', out, now, plan: {} });
    await expect(again).rejects.toThrow(UsageError);
    await expect(again).rejects.toThrow('which is not empty, expected a new or an empty folder');
    expect(readdirSync(out)).toEqual(before);
  });

  it('refuses a file, and a path below a file', async () => {
    const file = join(scratch(), 'file');
    writeFileSync(file, 'mine');
    await expect(createRunFolder({ task: 't', out: file, now, plan: {} })).rejects.toThrow('which is a file');
    const below = createRunFolder({ task: 't', out: join(file, 'x'), now, plan: {} });
    await expect(below).rejects.toThrow(/a part of the path is a file \(ENOTDIR\)/);
    await expect(below).rejects.toMatchObject({ exitCode: 1 });
    const inside = createRunFolder({ task: 't', parent: file, now, plan: {} });
    await expect(inside).rejects.toThrow(OmoeError);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it.skipIf(!existsSync('/proc/self'))(
    'says clearly that a folder cannot be written (/proc stands for a read-only disk)',
    async () => {
      await expect(createRunFolder({ task: 't', out: '/proc/omoe', now, plan: {} })).rejects.toThrow(OmoeError);
      await expect(createRunFolder({ task: 't', out: '/proc/omoe', now, plan: {} })).rejects.toThrow(
        /cannot be created here \(ENOENT\).*--out/,
      );
    },
  );
});

describe('writeWhole', () => {
  it('leaves the old content and no temporary file when the new one cannot take its place', async () => {
    const folder = scratch();
    const path = join(folder, 'result.json');
    // A folder of that name, with something in it, cannot be replaced by a rename.
    mkdirSync(path);
    writeFileSync(join(path, 'old'), 'old');
    await expect(writeWhole(path, 'new')).rejects.toThrow(OmoeError);
    expect(readdirSync(folder)).toEqual(['result.json']);
    expect(readFileSync(join(path, 'old'), 'utf8')).toBe('old');
  });

  it('replaces a file whole', async () => {
    const path = join(scratch(), 'x');
    await writeWhole(path, 'a longer first text');
    await writeWhole(path, 'short');
    expect(readFileSync(path, 'utf8')).toBe('short');
  });
});

describe('readRunFolder', () => {
  const finished = async () => {
    const out = join(scratch(), 'run');
    const folder = await createRunFolder({ task: 't', out, now, plan: {} });
    folder.append(event);
    await folder.saveResult({});
    folder.close();
    return out;
  };

  it('leaves out a last line that a crash cut short', async () => {
    const out = await finished();
    writeFileSync(join(out, 'metrics.jsonl'), `${encodeJson(event)}\n{"seed":0,"st`);
    expect((await readRunFolder(out)).events).toEqual([event]);
  });

  it('refuses a missing, an unfinished and a corrupt folder as bad input', async () => {
    const out = await finished();
    writeFileSync(join(out, 'metrics.jsonl'), 'not JSON\n');
    await expect(readRunFolder(out)).rejects.toThrow(/metrics\.jsonl, line 1/);
    writeFileSync(join(out, 'result.json'), '{');
    await expect(readRunFolder(out)).rejects.toThrow(DataError);
    rmSync(join(out, 'result.json'));
    await expect(readRunFolder(out)).rejects.toThrow('did not finish');
    await expect(readRunFolder(join(out, 'none'))).rejects.toMatchObject({ exitCode: 4 });
  });
});
