import { describe, expect, it } from 'vitest';
import { wasm } from '../../backends/wasm/index.ts';
import { engine } from '../engine.ts';
import { DataError, UsageError } from '../errors.ts';
import type { ReadFile } from '../text/lines.ts';
import { pretrainPlan } from './pretrain-plan.ts';
import { pretraining, readPretrainingText } from './pretraining.ts';
import type { CheckpointFiles } from './state.ts';
import { allOf } from './training.fixture.ts';
import { runTraining } from './training.ts';

const names = ['ann', 'bob', 'cid', 'dot'];
const verbs = ['sees', 'hears', 'likes'];
/** Paragraphs in which the second sentence repeats the first one turned round. */
const story = (count: number): string =>
  Array.from({ length: count }, (_, i) => {
    const [a, b, verb] = [names[i % 4], names[(i + 1 + (i % 3)) % 4], verbs[i % 3]];
    return `${a} ${verb} ${b}.\n${b} ${verb} ${a}.\n`;
  }).join('\n');

const reader =
  (files: Readonly<Record<string, string>>): ReadFile =>
  async (path) => {
    if (!(path in files)) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
    return new TextEncoder().encode(files[path]);
  };
const small = {
  ...{ text: ['story.txt'], vocabSize: '60', length: '16', width: '16', ffn: '32', layers: '1', batch: '4' },
  ...{ steps: '6', warmup: '2', heldOut: '5' },
};

describe('the text of a pretraining', () => {
  it('keeps every n-th document apart, and trains the tokenizer on the others alone', async () => {
    const last = 'zebra quagga zebra quagga';
    const files = { 'story.txt': `${story(49)}\n${last}` };
    const { documents, train, held, tokenizer, tokenizerFiles } = await readPretrainingText(
      pretrainPlan(small),
      reader(files),
    );
    expect(documents).toEqual({ train: 40, held: 10 });
    const said = (blocks: typeof train) => blocks.map(({ tokens }) => tokenizer.decode(tokens)).join(' ');
    expect(said(train)).toContain('ann sees');
    expect(new TextDecoder().decode(tokenizerFiles.get('vocab.txt'))).not.toMatch(/z|q/);
    // Its letters are in no training word, so they are unknown.
    expect(held.some(({ tokens }) => tokens.includes(tokenizer.unknown))).toBe(true);
    expect(train.some(({ tokens }) => tokens.includes(tokenizer.unknown))).toBe(false);
    expect([...tokenizerFiles.keys()]).toEqual(['vocab.txt', 'tokenizer_config.json']);
  });

  it('takes a tokenizer that is there, with its files', async () => {
    const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...names, ...verbs, '.'].join('\n');
    const files = { 'story.txt': story(20), 'bert/vocab.txt': vocabulary };
    const plan = pretrainPlan({ ...small, vocabSize: undefined, tokenizer: 'bert/' });
    const { tokenizer, tokenizerFiles } = await readPretrainingText(plan, reader(files));
    expect(tokenizer.size).toBe(13);
    expect([...tokenizerFiles].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)])).toEqual([
      ['vocab.txt', vocabulary],
    ]);
    const masks = { ...files, 'bert/vocab.txt': vocabulary.replace('[MASK]', 'mask') };
    await expect(readPretrainingText(plan, reader(masks))).rejects.toThrow(/whose tokenizer has no mask/);
  });

  it('of too few documents is refused, with what to do', async () => {
    const read = reader({ 'story.txt': story(4) });
    await expect(readPretrainingText(pretrainPlan(small), read)).rejects.toThrow(DataError);
    await expect(readPretrainingText(pretrainPlan(small), read)).rejects.toThrow(
      /4 documents in story\.txt, expected at least 5.*lower --held-out/,
    );
  });
});

describe('its plan', () => {
  it('names the option that is wrong', () => {
    const refused: [object, RegExp][] = [
      [{ text: [] }, /no --text/],
      [{ tokenizer: 'bert' }, /--vocab-size: received a --tokenizer as well/],
      [{ maskRate: '1' }, /--mask-rate: received "1", expected a number below 1/],
      [{ maskRate: '0' }, /--mask-rate: received "0", expected above 0/],
      [{ dropout: '1.5' }, /--dropout/],
      [{ heldOut: '1' }, /--held-out/],
      [{ pooling: 'max' }, /--pooling: received "max"/],
      [{ length: '2' }, /--length: received "2", expected an integer of at least 3/],
      [{ heads: '3' }, /a width that the number of heads divides/],
      [{ patience: '2' }, /--patience: received no --eval-every/],
    ];
    for (const [change, message] of refused) {
      expect(() => pretrainPlan({ ...small, ...change })).toThrow(message);
      expect(() => pretrainPlan({ ...small, ...change })).toThrow(UsageError);
    }
  });
});

it('broken off and taken up again it ends in the same bytes, and a changed text is refused', async () => {
  const t = engine(await wasm({ threads: 1 }));
  const text = await readPretrainingText(pretrainPlan(small), reader({ 'story.txt': story(40) }));
  const plan = pretrainPlan({ ...small, evalEvery: '2', dropout: '0.1' });
  const train = async (stopAfter: number | null, from: CheckpointFiles | null) => {
    const saved: CheckpointFiles[] = [];
    const stop = new AbortController();
    const { progress } = await runTraining(t, {
      ...pretraining(plan, text),
      from,
      checkpoints: { save: async (_, files) => saved.push(await allOf(files)) },
      signal: stop.signal,
      listener: {
        step({ step }) {
          if (step + 1 === stopAfter) stop.abort();
        },
      },
    });
    return { last: saved.at(-1)!, progress };
  };
  const whole = await train(null, null);
  const broken = await train(3, null);
  expect(broken.progress.step).toBe(3);
  const resumed = await train(null, broken.last);
  expect(resumed.progress).toEqual(whole.progress);
  expect(resumed.last).toEqual(whole.last);
  expect(whole.progress.evaluations.map(({ step }) => step)).toEqual([2, 4, 6]);

  const other = await readPretrainingText(pretrainPlan(small), reader({ 'story.txt': `${story(39)}\nann likes ann.` }));
  const again = runTraining(t, { ...pretraining(plan, other), from: broken.last });
  await expect(again).rejects.toThrow(DataError);
});
