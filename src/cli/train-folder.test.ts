import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../io/safetensors/index.ts';
import { omoe, scratch } from './command.fixture.ts';
import { writeModel, writeSentiment } from './fine-tuning.fixture.ts';

const small = [
  ...['train', '--backend', 'cpu', '--method', 'adamw', '--batch', '2', '--steps', '1', '--warmup', '0'],
  ...['--train-limit', '4', '--dev-limit', '2', '--width', '4', '--ffn', '4', '--heads', '1', '--experts', '2'],
];

/** What is in a folder whose process was killed before its plan was written, name by name; null is a folder. */
const leftovers: readonly (readonly [string, () => Record<string, string | null>])[] = [
  ['nothing', () => ({})],
  ['an empty folder', () => ({ checkpoints: null })],
  ['the lock of a dead process', () => ({ checkpoints: null, [`checkpoints/${lockOfDead()}`]: '' })],
  [
    'that and a part of the plan',
    () => ({ checkpoints: null, [`checkpoints/${lockOfDead()}`]: '', '.plan.json.99.part': '{"schema":"omoe' }),
  ],
];
const lockOfDead = (): string => `lock-${hostname()}-${spawnSync(process.execPath, ['--version']).pid}.json`;

function folderOf(files: Record<string, string | null>): string {
  const folder = scratch();
  for (const [name, text] of Object.entries(files))
    text === null ? mkdirSync(join(folder, name)) : writeFileSync(join(folder, name), text);
  return folder;
}

describe('a folder whose process was killed before anything was trained', () => {
  it.each(leftovers)('with %s in it is taken by --out, and --resume says so', async (_, files) => {
    const folder = folderOf(files());
    const resumed = await omoe(['train', '--resume', folder]);
    expect(resumed.stderr).toMatch(
      /plan\.json, which was not written yet, .*Nothing was trained there: omoe train --out/,
    );
    expect(resumed.code).toBe(4);
    const begun = await omoe([...small, '--out', folder]);
    expect(begun.stderr).not.toMatch(/^omoe: /m);
    expect(begun.code).toBe(0);
    expect(begun.stderr.includes('which ended without releasing it')).toBe(Object.keys(files()).length > 1);
    expect(readdirSync(folder).sort()).toEqual([
      ...['checkpoints', 'metrics.jsonl', 'plan.json', 'result.json', 'timing.jsonl'],
    ]);
  });

  it.each([
    ['a file of somebody', { 'note.txt': 'mine' }],
    ['a checkpoint', { checkpoints: null, 'checkpoints/000001-step-000000001': null }],
    ['a file in checkpoints', { checkpoints: null, 'checkpoints/note.txt': 'mine' }],
    ['a plan', { 'plan.json': '{}' }],
    ['a file for the folder', { checkpoints: '' }],
  ])('is another one with %s in it', async (_, files) => {
    const folder = folderOf(files);
    const { code, stderr } = await omoe([...small, '--out', folder]);
    expect(stderr).toContain(`${folder}, which is not empty`);
    expect(code).toBe(2);
    expect((await omoe(['train', '--resume', folder])).stderr).not.toContain('Nothing was trained there');
    expect(readdirSync(folder)).toEqual([...new Set(Object.keys(files).map((name) => name.split('/')[0]))]);
  });
});

describe('a training whose best checkpoint is damaged', () => {
  it('says what is lost and how to go on, and with --last leaves the last parameters and says so', async () => {
    const folder = scratch();
    const [model, data, out] = [await writeModel(join(folder, 'base')), join(folder, 'data'), join(folder, 'run')];
    writeSentiment(data);
    const trained = await omoe([
      ...['train', '--backend', 'cpu', '--model', model, '--task', 'sst2', '--data', data, '--dense', '--out', out],
      ...['--steps', '9', '--batch', '4', '--length', '20', '--warmup', '2', '--lr', '0.3', '--method', 'adamw'],
      ...['--eval-every', '1', '--patience', '2'],
    ]);
    expect(trained.code).toBe(0);
    const json = (path: string) => JSON.parse(readFileSync(join(out, path), 'utf8'));
    const { best, steps, modelStep } = json('result.json');
    expect(best.step).toBeLessThan(steps);
    expect(modelStep).toBe(best.step);
    const written = readFileSync(join(out, 'model/model.safetensors'));

    const bestFolder = readdirSync(join(out, 'checkpoints')).find((name) => name.endsWith('-best')) as string;
    const path = join(out, 'checkpoints', bestFolder, 'model.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
    const refused = await omoe(['train', '--resume', out]);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain(
      `received no whole checkpoint of step ${best.step}: ${join(out, 'checkpoints', bestFolder)}, model.safetensors is damaged`,
    );
    expect(refused.stderr).toContain(`--resume and --last: the model then has the last parameters, of step ${steps}.`);
    expect(readFileSync(join(out, 'model/model.safetensors'))).toEqual(written);

    const going = await omoe(['train', '--resume', out, '--last']);
    expect(going.code).toBe(0);
    expect(going.stderr).toContain(`the last parameters, of step ${steps}, not the best, of step ${best.step}`);
    expect(going.stdout).toContain(`model, of step ${steps}: `);
    expect(json('result.json')).toMatchObject({ best, modelStep: steps });
    const last = readdirSync(join(out, 'checkpoints')).find((name) => name.endsWith(`-step-00000000${steps}`));
    const tensors = (of: string) => readSafetensors(readFileSync(join(out, of))).tensors;
    const expected = tensors(`checkpoints/${last}/model.safetensors`);
    const found = tensors('model/model.safetensors').get('bert.embeddings.word_embeddings.weight');
    expect(found?.bytes).toEqual(expected.get('embeddings.words')?.bytes);
  });

  it('is the only one that takes --last: one that begins is refused', async () => {
    const out = join(scratch(), 'run');
    const { code, stderr } = await omoe([...small, '--out', out, '--last']);
    expect(stderr).toMatch(/train --last: received no --resume DIR/);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});
