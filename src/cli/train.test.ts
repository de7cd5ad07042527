import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore } from '../io/index.ts';
import { nodeFiles, nodeProcesses } from '../io/node.ts';
import { allOf } from '../train/training.fixture.ts';
import { omoe, scratch } from './command.fixture.ts';

const small = [
  ...['train', '--backend', 'cpu', '--method', 'omoe:accumulateSteps=3,orthogonalSteps=2', '--batch', '4'],
  ...['--steps', '8', '--save-every', '3', '--eval-every', '4', '--train-limit', '30', '--dev-limit', '6'],
  ...['--width', '8', '--ffn', '8', '--heads', '2', '--experts', '3', '--warmup', '2'],
];
const lines = (path: string) => readFileSync(path, 'utf8').trim().split('\n');
/** What does not depend on when and how often the training was broken off. */
async function traces(folder: string) {
  const store = await openStore({ files: nodeFiles, folder: join(folder, 'checkpoints'), processes: null });
  const { checkpoint } = await store.latest((name) => name.startsWith('step-'));
  const { command, ...result } = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'));
  return {
    result,
    metrics: readFileSync(join(folder, 'metrics.jsonl'), 'utf8'),
    name: checkpoint!.name,
    files: [...(await allOf(checkpoint!.files))].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
  };
}

describe('omoe train', () => {
  it('leaves scores, metrics, the newest checkpoints and the best, and TensorBoard’s files', async () => {
    const out = join(scratch(), 'run');
    const { code, stdout, stderr } = await omoe([...small, '--out', out, '--tensorboard', '--keep', '1']);
    expect(stderr).not.toMatch(/^omoe: /m);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^omoe train: embedded, omoe:.*, 30 training and 6 dev examples, 8 steps, seed 0$/m);
    expect(stdout).toMatch(/^last: accuracy \d\.\d{3}$/m);
    expect(stdout).toContain(`Run folder: ${out}`);
    // One look at the clock before the first step, one in it, each a minute after the other.
    expect(stderr).toMatch(
      /^12 % {2}step 1 of 8, loss \d\.\d{3}, 0\.017 steps\/s, 0\.067 examples\/s, about 7 min left$/m,
    );
    expect(stderr).toMatch(/^step 4: accuracy \d\.\d{3}, the best so far$/m);

    expect(readdirSync(out).sort()).toEqual([
      ...['checkpoints', 'metrics.jsonl', 'plan.json', 'result.json', 'tensorboard', 'timing.jsonl'],
    ]);
    const names = readdirSync(join(out, 'checkpoints')).map((name) => name.replace(/^\d+-/, ''));
    expect(names.sort()).toEqual(['best', 'step-000000008']);
    expect(lines(join(out, 'metrics.jsonl'))).toHaveLength(8 + 2);
    const times = lines(join(out, 'timing.jsonl')).map((line) => JSON.parse(line));
    expect(times.map(({ step }) => step)).toEqual([...Array(8).keys()]);
    const result = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'));
    expect(result).toMatchObject({
      schema: 'omoe.train/1',
      steps: 8,
      ended: 'steps',
      metric: 'accuracy',
      backend: 'cpu',
    });
    expect(readdirSync(join(out, 'tensorboard'))).toHaveLength(1);
  });

  it('stops at the first Ctrl-C with all saved, and goes on to the same end', async () => {
    const [whole, halves] = [join(scratch(), 'whole'), join(scratch(), 'two halves')];
    expect((await omoe([...small, '--out', whole])).code).toBe(0);
    const stopped = await omoe([...small, '--out', halves], (interrupt, line) => {
      if (line.includes('step 5 of 8')) interrupt();
    });
    expect(stopped).toMatchObject({ code: 130, stdout: '', aborted: undefined });
    expect(stopped.stderr).toContain('a request to stop at step 5 of 8');
    expect(stopped.stderr).toContain(`omoe train --resume '${halves}'`);
    expect(existsSync(join(halves, 'result.json'))).toBe(false);
    const resumed = await omoe(['train', '--resume', halves, '--tensorboard']);
    expect(resumed.code).toBe(0);
    // TensorBoard drops what it has from the restart's step on: that of step 5 is to stay.
    const [events] = readdirSync(join(halves, 'tensorboard'));
    const restart = Buffer.of(0x10, 6, 0x3a, 2, 0x08, 1); // step 6, a session log that says START
    expect(readFileSync(join(halves, 'tensorboard', events)).includes(restart)).toBe(true);
    expect(resumed.stderr).toContain('step-000000005');
    expect(resumed.stderr).toContain('step 6 of 8');
    expect(resumed.stderr).not.toContain('step 5 of 8');
    expect(await traces(halves)).toEqual(await traces(whole));
    // Once more: there is nothing left to do, and the same is said.
    const again = await omoe(['train', '--resume', halves, '--json', '--quiet']);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(again.stdout)).toMatchObject({ schema: 'omoe.train/1', steps: 8 });
  });

  it('aborts at the second Ctrl-C', async () => {
    const { aborted, stderr } = await omoe([...small, '--out', join(scratch(), 'run')], (interrupt, line) => {
      if (line.includes('step 2 of 8')) {
        interrupt();
        interrupt();
      }
    });
    expect(aborted).toBe(130);
    expect(stderr.match(/Stopping after this step/g)).toHaveLength(1);
  });

  it('goes on from an older checkpoint where the newest is damaged, and says so', async () => {
    const out = join(scratch(), 'run');
    await omoe([...small, '--out', out]);
    const expected = await traces(out);
    const newest = readdirSync(join(out, 'checkpoints')).find((name) => name.endsWith('step-000000008'))!;
    const model = join(out, 'checkpoints', newest, 'model.safetensors');
    const bytes = readFileSync(model);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(model, bytes);
    const { code, stderr } = await omoe(['train', '--resume', out]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/step-000000008 is not whole: .*; an older one is taken/);
    expect(stderr).toMatch(/goes on from .*step-000000006/);
    expect(await traces(out)).toEqual(expected);
  });

  it('of a dense model has no experts', async () => {
    const out = join(scratch(), 'run');
    const flags = small.filter((word) => !word.startsWith('omoe:') && word !== '--method');
    const { code, stdout } = await omoe([...flags, '--dense', '--steps', '2', '--json', '--out', out]);
    expect(code).toBe(0);
    const { method, dense, parameters } = JSON.parse(stdout);
    const dry = JSON.parse((await omoe([...flags, '--dense', '--dry-run', '--json'])).stdout);
    expect({ method, dense, parameters }).toEqual({ method: 'adamw', dense: true, parameters: dry.parameters });
  });

  it('with --dry-run tells the plan and makes nothing', async () => {
    const out = join(scratch(), 'run');
    const { code, stdout } = await omoe([...small, '--dry-run', '--out', out, '--accumulate', '2']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^steps +8; batch 4 × 2, seed 0$/m);
    expect(stdout).toMatch(/^checkpoints +every 3 steps/m);
    expect(stdout).toContain('Nothing was run.');
    expect(existsSync(out)).toBe(false);
  });

  it.each([
    [['--patience', '2'], /train --patience: received no --eval-every/],
    [['--method', 'adamw,omoe'], /train --method: received 2 methods, expected one/],
    [['--dense', '--method', 'omoe'], /train --dense: received --method omoe/],
    [['--decay', 'steep'], /train --decay: received "steep", expected linear, cosine, constant/],
    [['--steps', '0'], /train --steps: received "0"/],
    [['--top-k', '9'], /train --top-k: received top-k 9 of 4 experts/],
    [['--task', 'sst'], /train --task: received "sst"/],
    [['--task', 'cola'], /train --task cola: received no --data DIR/],
    [['--data', 'x'], /train: received --data with the embedded task/],
    [
      ['--resume', 'x', '--steps', '3', '--eval-every', '1'],
      /train --resume: received other options with it: --steps, --eval-every, expected/,
    ],
    [['--backend', 'abacus'], /--backend: received "abacus"/],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await omoe(['train', ...flags]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  it('refuses a folder that is in use, that holds something, or that is no training', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'note.txt'), 'mine');
    expect(await omoe([...small, '--out', folder])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not empty'),
    });
    expect((await omoe(['train', '--resume', folder])).code).toBe(4);
    writeFileSync(join(folder, 'plan.json'), '{"schema":"omoe.train-plan/1","flags":{"steps":7}}');
    expect((await omoe(['train', '--resume', folder])).code).toBe(4);

    const used = join(folder, 'used');
    mkdirSync(used);
    const store = await openStore({ files: nodeFiles, folder: join(used, 'checkpoints'), processes: nodeProcesses });
    writeFileSync(join(used, 'plan.json'), '{"schema":"omoe.train-plan/1","flags":{"backend":"cpu"}}');
    const { code, stderr } = await omoe(['train', '--resume', used]);
    expect(code).toBe(2);
    expect(stderr).toContain('a folder in use by process');
    await store.close();
    const both = await omoe(['train', '--resume', used, '--out', join(folder, 'other')]);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('train --out: received --resume as well') });
  });

  it('ends with 3 where it diverges, and says what is kept', async () => {
    const out = join(scratch(), 'run');
    const { code, stderr } = await omoe([...small, '--lr', '1e30', '--warmup', '0', '--out', out]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/the first tensor that went bad/);
    expect(stderr).toContain(`What was saved is kept in ${out}`);
    expect(existsSync(join(out, 'result.json'))).toBe(false);
  });

  it('says that it diverged even where timing.jsonl cannot be written', async () => {
    const out = join(scratch(), 'run');
    const { code } = await omoe([...small, '--lr', '1e30', '--warmup', '0', '--out', out], () => {
      if (existsSync(out)) mkdirSync(join(out, 'timing.jsonl'), { recursive: true });
    });
    expect(code).toBe(3);
  });
});
