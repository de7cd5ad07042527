import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { nodeFiles } from '../io/node.ts';
import { readSafetensors } from '../io/safetensors/index.ts';
import { loadModel, savedClasses, savedHead, savedLength, savedTrainedOn } from '../models/folder.ts';
import { parametersOf } from '../optim/optimizer.ts';
import { omoe, scratch } from './command.fixture.ts';
import { writeModel, writeSentiment } from './fine-tuning.fixture.ts';

const small = [
  ...['train', '--backend', 'cpu', '--steps', '3', '--batch', '4', '--warmup', '2', '--length', '20', '--lr', '0.01'],
  ...['--save-every', '2', '--method', 'adamw'],
];
const sparse = ['--experts', '3', '--top-k', '2', '--moe-layers', '1', '--dropout', '0.1'];
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** A base model, a task, and the command that trains one on the other. */
async function prepared() {
  const folder = scratch();
  const model = await writeModel(join(folder, 'base'));
  const data = join(folder, 'data');
  const sentences = writeSentiment(data);
  return { folder, model, data, sentences, given: [...small, '--model', model, '--task', 'sst2', '--data', data] };
}

describe('omoe train --model', () => {
  it('leaves a model that eval scores to the bit as the training did, and that predict uses', async () => {
    const { folder, model, data, sentences, given } = await prepared();
    const out = join(folder, 'run');
    const trained = await omoe([...given, ...sparse, '--out', out]);
    expect(trained.stderr).not.toMatch(/^omoe: /m);
    expect(trained.code).toBe(0);
    expect(trained.stdout).toContain(`model: ${out}/model`);
    expect(readdirSync(join(out, 'model')).sort()).toEqual(['config.json', 'model.safetensors', 'vocab.txt']);

    const t = engine(cpu());
    const base = await loadModel(t, model, nodeFiles.read);
    const { config } = await loadModel(t, join(out, 'model'), nodeFiles.read);
    const head = savedHead(config);
    const tuned = await loadModel(t, join(out, 'model'), nodeFiles.read, { head });
    expect(config.moe).toEqual({ layers: [1], experts: 3, k: 2, renormalize: true, balanceLoss: 0.01 });
    expect(head).toEqual({ kind: 'classify', outputs: 2, spans: 0 });
    expect(savedClasses(config)).toEqual(['negative', 'positive']);
    expect(savedLength(config)).toBe(20);
    expect(tuned.parameters.mlm).toBeUndefined();
    const words = (of: typeof base) => of.parameters.embeddings.words.data();
    expect(await words(tuned)).not.toEqual(await words(base));
    const result = json(join(out, 'result.json'));
    expect(result.parameters).toBe(
      [...parametersOf(tuned.parameters).values()].reduce((sum, { size }) => sum + size, 0),
    );

    const evaluated = await omoe([
      ...['eval', '--model', join(out, 'model'), '--task', 'sst2', '--data', data],
      ...['--backend', 'cpu', '--json'],
    ]);
    expect(evaluated.stderr).toBe('');
    const { scores, data: measured } = JSON.parse(evaluated.stdout);
    expect(scores).toEqual(result.scores);
    expect(measured.examples).toBe(8);
    expect(savedTrainedOn(config)).toEqual({ task: 'sst2', seed: 0 });

    const text = join(folder, 'text.txt');
    writeFileSync(text, sentences.join('\n'));
    const use = ['predict', '--model', join(out, 'model'), '--backend', 'cpu'];
    const predicted = await omoe([...use, '--text', text, '--json']);
    const answers = predicted.stdout.trim().split('\n');
    const said = answers.map((line) => JSON.parse(line).class);
    const labels = readFileSync(join(data, 'dev.tsv'), 'utf8').trim().split('\n').slice(1);
    const right = labels.filter((line, i) => said[i] === ['negative', 'positive'][Number(line.split('\t')[1])]);
    expect(said).toHaveLength(8);
    expect(right.length / 8).toBe(scores.accuracy);
    // However they come, the same sentences get the same answers.
    const piped = await omoe([...use, '--batch', '5'], undefined, `${sentences.join('\r\n')}\r\n`);
    expect(
      piped.stdout
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0]),
    ).toEqual(said);
  });

  it('goes on after Ctrl-C to the same bytes, and not from another base model', async () => {
    const { folder, model, given: base } = await prepared();
    const method = 'omoe:accumulateSteps=1,orthogonalSteps=1';
    const given = [...base, ...sparse, '--method', method, '--steps', '4', '--eval-every', '2'];
    const whole = join(folder, 'whole');
    expect((await omoe([...given, '--out', whole])).code).toBe(0);
    const broken = join(folder, 'broken');
    const stopped = await omoe([...given, '--out', broken], (interrupt, line) => {
      if (line.includes('step 3 of 4')) interrupt();
    });
    expect(stopped.code).toBe(130);
    expect(readdirSync(broken)).not.toContain('model');

    const kept = readFileSync(join(model, 'model.safetensors'));
    await writeModel(model, { seed: 2 });
    const refused = await omoe(['train', '--resume', broken]);
    expect(refused.stderr).toMatch(/^omoe: load checkpoint: received a checkpoint of another training: baseSum \d+/m);
    expect(refused.code).toBe(4);
    writeFileSync(join(model, 'model.safetensors'), kept);
    const resumed = await omoe(['train', '--resume', broken]);
    expect(resumed.stderr).not.toMatch(/^omoe: /m);
    for (const file of ['metrics.jsonl', 'model/model.safetensors', 'model/config.json', 'model/vocab.txt'])
      expect(readFileSync(join(broken, file))).toEqual(readFileSync(join(whole, file)));
  });

  it('keeps the parameters of the best evaluation', async () => {
    const { folder, given } = await prepared();
    const out = join(folder, 'run');
    const run = [...given, '--dense', '--steps', '9', '--lr', '0.3', '--eval-every', '1', '--patience', '2'];
    expect((await omoe([...run, '--out', out])).code).toBe(0);
    const { best, steps } = json(join(out, 'result.json'));
    expect(best.step).toBeLessThan(steps);
    const checkpoints = readdirSync(join(out, 'checkpoints'));
    const tensors = (path: string) => readSafetensors(readFileSync(join(out, path, 'model.safetensors'))).tensors;
    const kept = (end: string) =>
      tensors(`checkpoints/${checkpoints.find((name) => name.endsWith(end))}`).get('embeddings.words')!.bytes;
    const model = tensors('model').get('bert.embeddings.word_embeddings.weight')!.bytes;
    expect(model).toEqual(kept('best'));
    expect(model).not.toEqual(kept(`step-00000000${steps}`));
  });

  it('trains dense models, and those that bring their experts along', async () => {
    const { folder, given, data } = await prepared();
    expect((await omoe([...given, '--dense', '--out', join(folder, 'dense')])).code).toBe(0);
    expect(json(join(folder, 'dense', 'model', 'config.json')).num_local_experts).toBeUndefined();
    const moe = await writeModel(join(folder, 'moe'), { experts: 2 });
    const on = [...small, '--model', moe, '--task', 'sst2', '--data', data];
    const { code, stderr } = await omoe([...on, '--out', join(folder, 'run')]);
    expect(stderr).not.toMatch(/^omoe: /m);
    expect(code).toBe(0);
    expect(json(join(folder, 'run', 'model', 'config.json'))).toMatchObject({ num_local_experts: 2, moe_layers: [1] });
  });

  it.each([
    ['embedded-tags', 'f1'],
    ['embedded-spans', 'f1'],
  ])('trains the head of %s, which eval scores to the bit', async (task, metric) => {
    const folder = scratch();
    const model = await writeModel(join(folder, 'base'), { vocab: false });
    const limits = ['--dev-limit', '10'];
    const flags = small.filter((word) => word !== '--length' && word !== '20');
    const out = join(folder, 'run');
    const run = [...flags, '--task', task, '--model', model, ...limits, '--train-limit', '20', '--seed', '4'];
    const { stderr } = await omoe([...run, '--out', out]);
    expect(stderr).not.toMatch(/^omoe: /m);
    expect(readdirSync(join(out, 'model'))).toEqual(['config.json', 'model.safetensors']);
    const evaluate = (...more: string[]) =>
      omoe([
        ...['eval', '--model', join(out, 'model'), '--task', task, '--backend', 'cpu', '--batch', '8', '--json'],
        ...[...limits, ...more],
      ]);
    const evaluated = await evaluate();
    expect(evaluated.stderr).toBe('');
    const { scores, seed, metric: named } = JSON.parse(evaluated.stdout);
    expect(seed).toBe(4);
    expect(named).toBe(metric);
    expect(scores).toEqual(json(join(out, 'result.json')).scores);

    const other = await evaluate('--seed', '0');
    expect(other.stderr).toMatch(/eval --seed: received 0, expected 4, that of the training of .*model/);
    expect(other.code).toBe(2);
    const path = join(out, 'model', 'config.json');
    const config = json(path);
    const { seed: _, ...head } = config.omoe_head;
    writeFileSync(path, JSON.stringify({ ...config, omoe_head: head }));
    const unknown = await evaluate();
    expect(unknown.stderr).toMatch(/eval --seed: received none, and .*, expected the seed of its training/);
    expect(unknown.code).toBe(2);
    expect(JSON.parse((await evaluate('--seed', '4')).stdout).scores).toEqual(scores);
  });

  it('refuses what it cannot do, before a folder is made', async () => {
    const { folder, model, given } = await prepared();
    const moe = await writeModel(join(folder, 'moe'), { experts: 2 });
    const on = (other: string) => given.map((word) => (word === model ? other : word));
    const refused: [string[], number, RegExp][] = [
      [[...given, '--width', '8'], 2, /train --width: received --model/],
      [[...given, '--vocab', 'vocab.txt'], 2, /train --vocab/],
      [[...given, '--moe-layers', '2'], 2, /layers \[2\]|--moe-layers/],
      [[...given, '--length', '60'], 2, /60 positions, expected at most 40/],
      [[...given, '--dense', '--experts', '2'], 2, /train --dense: received --experts/],
      [[...on(moe), '--experts', '2'], 2, /has 2 experts already/],
      [[...on(moe), '--dense'], 2, /train --dense: received .*moe, which has experts/],
      [on(join(folder, 'none')), 4, /a folder without config.json/],
      [['train', '--moe-layers', '1'], 2, /no --model/],
    ];
    for (const [argv, exitCode, message] of refused) {
      const { code, stderr } = await omoe([...argv, '--out', join(folder, 'run')]);
      expect(stderr).toMatch(message);
      expect(code).toBe(exitCode);
    }
    expect(readdirSync(folder).sort()).toEqual(['base', 'data', 'moe']);
    rmSync(join(model, 'vocab.txt'));
    expect((await omoe([...given, '--out', join(folder, 'run')])).stderr).toMatch(/read tokenizer: received none/);
  });
});
