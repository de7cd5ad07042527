import { describe, expect, it } from 'vitest';
import { OmoeError } from '../errors.ts';
import { failingFiles } from '../io/failing-files.fixture.ts';
import { memoryFiles } from '../io/memory.ts';
import { metricsLog } from './metrics-log.ts';

const path = '/metrics.jsonl';
const lines = async (files: ReturnType<typeof memoryFiles>) => new TextDecoder().decode(await files.read(path));
const line = (step: number) => `{"step":${step}}\n`;

describe('metrics.jsonl', () => {
  it('has a line for each thing appended, in order, NaN and infinities as words', async () => {
    const files = memoryFiles();
    const log = await metricsLog(files, path);
    for (let step = 0; step < 150; step++) log.append({ step });
    log.append({ loss: Number.NaN, norm: Number.POSITIVE_INFINITY });
    const length = await log.flush();
    const text = await lines(files);
    expect(text).toBe(
      `${Array.from({ length: 150 }, (_, step) => line(step)).join('')}{"loss":"NaN","norm":"Infinity"}\n`,
    );
    expect(length).toBe(text.length);
  });

  it('is cut to a length, and goes on from there', async () => {
    const files = memoryFiles();
    const first = await metricsLog(files, path);
    first.append({ step: 0 });
    const known = await first.flush();
    first.append({ step: 1 });
    await first.flush();
    const second = await metricsLog(files, path);
    expect(await second.cut(known)).toBe(true);
    second.append({ step: 9 });
    expect(await second.flush()).toBe(known + line(9).length);
    expect(await lines(files)).toBe(line(0) + line(9));
  });

  it('loses half a line, and says so where the checkpoint knew of it', async () => {
    const files = memoryFiles();
    await files.writeNew(path, new TextEncoder().encode(`${line(0)}{"st`));
    expect(await (await metricsLog(files, path)).cut(line(0).length)).toBe(true);
    expect(await lines(files)).toBe(line(0));
    await files.writeNew(path, new TextEncoder().encode(`${line(0)}{"st`));
    expect(await (await metricsLog(files, path)).cut(2 * line(0).length)).toBe(false);
    expect(await lines(files)).toBe(line(0));
  });

  it('begins where there is none', async () => {
    const files = memoryFiles();
    const log = await metricsLog(files, path);
    expect(await log.cut(0)).toBe(true);
    expect(await log.flush()).toBe(0);
  });

  it('tells of a failure when it is flushed, and writes nothing behind a gap', async () => {
    const files = memoryFiles();
    // The first call is the read that asks for the length.
    const log = await metricsLog(failingFiles(files, { call: 2, code: 'ENOSPC', mode: 'once' }), path);
    for (let step = 0; step < 200; step++) log.append({ step });
    const error = await log.flush().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OmoeError);
    expect((error as Error).message).toMatch(/append to \/metrics.jsonl.*ENOSPC/);
    expect(await lines(files)).not.toContain('"step":199');
  });
});
