import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { readSafetensors } from '../io/index.ts';
import { nodeFiles } from '../io/node.ts';
import { encode, loadModel } from '../models/index.ts';
import { readTokenizer } from '../text/index.ts';
import { omoe, scratch } from './command.fixture.ts';

const story = Array.from({ length: 60 }, (_, i) => `the ${['cat', 'dog', 'cow'][i % 3]} ${['runs', 'eats'][i % 2]}.`);

const small = (folder: string) => [
  ...['pretrain', '--backend', 'cpu', '--text', join(folder, 'story.txt'), '--vocab-size', '60', '--length', '8'],
  ...['--width', '8', '--ffn', '8', '--layers', '1', '--steps', '6', '--batch', '4', '--warmup', '2'],
  ...['--save-every', '2', '--eval-every', '3', '--held-out', '6'],
];

function withStory(): string {
  const folder = scratch();
  writeFileSync(join(folder, 'story.txt'), story.join('\n\n'));
  return folder;
}

describe('omoe pretrain', () => {
  it('leaves a model folder that loads, with its tokenizer, and says both perplexities', async () => {
    const folder = withStory();
    const out = join(folder, 'run');
    const { code, stdout, stderr } = await omoe([...small(folder), '--out', out]);
    expect(stderr).not.toMatch(/^omoe: /m);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^held out +10 +\d+ +\d+/m);
    expect(stdout).toMatch(/^held-out perplexity \d+\.\d, that of frequencies alone is \d+\.\d times as high$/m);
    expect(readdirSync(join(out, 'model')).sort()).toEqual([
      ...['config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt'],
    ]);

    const t = engine(cpu());
    const { config, parameters } = await loadModel(t, join(out, 'model'), nodeFiles.read);
    const tokenizer = await readTokenizer(join(out, 'model'), nodeFiles.read);
    const { tokens } = tokenizer.join(tokenizer.pieces('The cat runs.'));
    expect(tokenizer.decode(tokens.subarray(1, -1))).toBe('the cat runs .');
    const shape = [1, tokens.length];
    const input = { tokens: t.tensor(tokens, shape), segments: null, mask: t.ones(shape, 'bool') };
    expect(encode(parameters, input, config).hidden.shape).toEqual([1, tokens.length, 8]);
  });

  it('stops on Ctrl-C and goes on to the same bytes, model folder included', async () => {
    const folder = withStory();
    const whole = join(folder, 'whole');
    expect((await omoe([...small(folder), '--out', whole])).code).toBe(0);
    const broken = join(folder, 'broken');
    const stopped = await omoe([...small(folder), '--out', broken], (interrupt, line) => {
      if (line.includes('step 4 of 6')) interrupt();
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain(`omoe pretrain --resume ${broken}`);
    expect(readdirSync(broken)).not.toContain('model');
    const torn = join(folder, 'torn');
    cpSync(broken, torn, { recursive: true });
    for (const name of readdirSync(join(torn, 'checkpoints')))
      if (name.includes('-step-')) writeFileSync(join(torn, 'checkpoints', name, 'model.safetensors'), 'torn');
    const refused = await omoe(['pretrain', '--resume', torn]);
    expect(refused.stderr).toMatch(/no whole checkpoint in .*model\.safetensors has 4 bytes instead of/);
    expect(refused.code).toBe(4);
    expect((await omoe(['pretrain', '--resume', broken])).code).toBe(0);
    for (const file of ['metrics.jsonl', 'model/model.safetensors', 'model/vocab.txt', 'model/config.json'])
      expect(readFileSync(join(broken, file))).toEqual(readFileSync(join(whole, file)));
  });

  it('keeps the best model, where a later one is worse', async () => {
    const folder = withStory();
    const out = join(folder, 'run');
    // At this rate the first steps are the only ones that help, if any does.
    const { code, stdout } = await omoe([
      ...small(folder),
      '--lr',
      '3',
      '--eval-every',
      '1',
      '--clip',
      '9',
      '--out',
      out,
    ]);
    expect(code).toBe(0);
    const { best, evaluations } = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'));
    expect(best.step).toBeLessThan(evaluations.length);
    const checkpoints = readdirSync(join(out, 'checkpoints'));
    const kept = (name: string) =>
      readSafetensors(
        readFileSync(join(out, 'checkpoints', checkpoints.find((one) => one.endsWith(name))!, 'model.safetensors')),
      );
    const model = readSafetensors(readFileSync(join(out, 'model', 'model.safetensors')));
    const words = model.tensors.get('bert.embeddings.word_embeddings.weight')!.bytes;
    expect(words).toEqual(kept('best').tensors.get('embeddings.words')!.bytes);
    expect(words).not.toEqual(kept('step-000000006').tensors.get('embeddings.words')!.bytes);
    expect(stdout).toContain(`of step ${best.step}`);
  });

  it('refuses what it cannot do, before a folder is made', async () => {
    const folder = withStory();
    const dry = await omoe([...small(folder), '--dry-run', '--json', '--out', join(folder, 'run')]);
    expect(JSON.parse(dry.stdout)).toMatchObject({ documents: { train: 50, held: 10 }, model: { width: 8 } });
    const refused: [string[], number, RegExp][] = [
      [['pretrain'], 2, /^omoe: pretrain: received no --text/m],
      [['pretrain', '--text', join(folder, 'none.txt')], 4, /no such file/],
      [[...small(folder), '--resume', folder], 2, /pretrain --resume: received other options with it/],
      [['pretrain', '--resume', folder], 4, /the folder of omoe pretrain/],
      // 12 blocks of 12 · 4096² numbers: 2.4 billion.
      [
        [...small(folder), '--backend', 'wasm', '--width', '4096', '--ffn', '16384', '--layers', '12', '--heads', '8'],
        1,
        /^omoe: pretrain: received a model of which a step holds \d+\.\d+ GiB, and the memory of a WebAssembly/m,
      ],
    ];
    for (const [argv, exitCode, message] of refused) {
      const { code, stderr } = await omoe(argv);
      expect(stderr).toMatch(message);
      expect(code).toBe(exitCode);
    }
    expect(readdirSync(folder)).toEqual(['story.txt']);
  });
});
