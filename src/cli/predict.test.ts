import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { headSpec } from '../models/heads.ts';
import { omoe, scratch } from './command.fixture.ts';
import { vocabulary, writeModel, writeSentiment } from './fine-tuning.fixture.ts';

const binary = { head: headSpec('classify', { classes: 2 }), classes: ['negative', 'positive'] };
const predict = (model: string, options: string[], input: string | Uint8Array = '') =>
  omoe(['predict', '--model', model, '--backend', 'cpu', ...options], undefined, input);
const documents = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('omoe predict', () => {
  it('answers line by line, empty ones by empty ones, and says what it cut', async () => {
    const model = await writeModel(join(scratch(), 'model'), binary);
    const long = Array(20).fill('the').join(' ');
    const input = `the gull\n\n${long}\n  \nthe captain`;
    const said = await predict(model, ['--json'], `\ufeff${input}\n`);
    expect(said.stderr).toBe('note: line 3 was cut to 16 tokens.\n');
    const answers = documents(said.stdout);
    expect(answers.map(({ line, empty, cut }) => [line, empty, cut])).toEqual([
      [1, undefined, undefined],
      [2, true, undefined],
      [3, undefined, true],
      [4, true, undefined],
      [5, undefined, undefined],
    ]);
    const { probabilities, probability } = answers[0];
    expect(Object.keys(probabilities)).toEqual(binary.classes);
    expect(Math.max(...(Object.values(probabilities) as number[]))).toBe(probability);
    const plain = await predict(model, ['--quiet', '--length', '30'], input);
    expect(plain.stderr).toBe('');
    const lines = plain.stdout.split('\n');
    expect(lines).toHaveLength(6);
    expect([lines[1], lines[3], lines[5]]).toEqual(['', '', '']);
    expect(lines[0]).toBe(`${answers[0].class}\t${probability.toFixed(4)}`);
  });

  it('reads pairs, choices, words and questions, for the head that asks for them', async () => {
    const folder = scratch();
    const model = (name: string, head: Parameters<typeof headSpec>, classes?: string[]) =>
      writeModel(join(folder, name), { head: headSpec(...head), classes });
    const text = async (path: string, options: string[], input: string) => (await predict(path, options, input)).stdout;
    const pairs = await model('pairs', ['regress']);
    expect(await text(pairs, ['--pairs'], 'the gull\tthe captain')).toMatch(/^-?\d\.\d+(e-\d+)?\n$/);
    const choose = await model('choose', ['choose']);
    const chosen = await text(choose, ['--json'], 'the gull\ta\tb\nthe gull\ta\tb\tc\nthe\tb\ta');
    expect(documents(chosen).map(({ probabilities }) => probabilities.length)).toEqual([2, 3, 2]);
    const tag = await model('tag', ['tag', { classes: 3 }], ['O', 'B-x', 'I-x']);
    expect(await text(tag, [], 'the gull\nthe')).toMatch(/^the\t\S+\ngull\t\S+\n\nthe\t\S+\n\n$/);
    const span = await model('span', ['span']);
    const [{ answer, score, noAnswer }] = documents(await text(span, ['--json'], 'who ?\tthe gull is old'));
    expect('the gull is old'.slice(answer.start, answer.end)).toBe(answer.text);
    const asked = ['who ?', 'the the the the the the the ?', 'the the the the the the ?'];
    const cut = await predict(span, ['--json'], asked.map((question) => `${question}\tthe gull`).join('\n'));
    expect(documents(cut.stdout).map((one) => one.cut)).toEqual([undefined, true, true]);
    expect(cut.stderr).toBe('note: the questions of 2 lines, the first of them 2, were cut to 5 word pieces.\n');
    const surely = String(noAnswer - score - 1);
    expect(await text(span, ['--null-threshold', surely], 'who ?\tthe gull is old')).toBe('\n');
  });

  it('takes a folder of transformers’ own, which names its class', async () => {
    const model = await writeModel(join(scratch(), 'model'), { head: binary.head });
    const path = join(model, 'config.json');
    const { omoe_head: _, id2label: __, label2id: ___, ...rest } = JSON.parse(readFileSync(path, 'utf8'));
    expect(rest.architectures).toEqual(['BertForSequenceClassification']);
    writeFileSync(path, JSON.stringify(rest));
    expect((await predict(model, [], 'the gull')).stdout).toMatch(/^LABEL_[01]\t0\.\d{4}\n$/);
  });

  it('reads marked words, which decide together with the text', async () => {
    const model = await writeModel(join(scratch(), 'model'), { head: headSpec('classify', { classes: 2, spans: 1 }) });
    const { code, stdout } = await predict(model, [], 'the [[gull]] is old\nthe gull is [[old]]\n');
    expect(code).toBe(0);
    const [one, other] = stdout.split('\n');
    expect(one).toMatch(/^LABEL_[01]\t0\.\d{4}$/);
    expect(other).not.toBe(one);
  });

  it('refuses what it cannot read, each in its own words', async () => {
    const folder = scratch();
    const model = await writeModel(join(folder, 'model'), binary);
    const bare = await writeModel(join(folder, 'bare'));
    const marked = await writeModel(join(folder, 'marked'), { head: headSpec('classify', { classes: 2, spans: 1 }) });
    const many = await writeModel(join(folder, 'many'), binary);
    writeFileSync(join(many, 'vocab.txt'), `${[...vocabulary, 'more'].join('\n')}\n`);
    const refused: [string, string[], string | Uint8Array, number, RegExp][] = [
      [model, [], '', 4, /an empty file, the standard input/],
      [model, [], Uint8Array.of(0x61, 0x0a, 0xff), 4, /not UTF-8 at the standard input:2/],
      [model, ['--text', join(folder, 'none.txt')], '', 4, /no such file/],
      [model, [], 'a\nb\tc', 4, /2 fields parted by TABs at the standard input:2, expected a text/],
      [model, ['--length', '41'], 'a', 2, /predict --length: .* from 4 to 40/],
      [model, ['--null-threshold', '0'], 'a', 2, /a head that does classify/],
      [bare, [], 'a', 4, /a model without the head of a task/],
      [marked, [], 'a', 4, /0 marked words at the standard input:1, expected 1, each written \[\[so\]\]/],
      [many, [], 'a', 4, new RegExp(`${vocabulary.length + 1} word pieces and a model of ${vocabulary.length}`)],
    ];
    for (const [path, options, input, exitCode, message] of refused) {
      const { code, stderr, stdout } = await predict(path, options, input);
      expect(stderr).toMatch(message);
      expect(code).toBe(exitCode);
      expect(stdout).toBe('');
    }
  });
});

describe('omoe eval', () => {
  const evaluate = (model: string, task: string, options: string[] = []) =>
    omoe(['eval', '--model', model, '--task', task, '--backend', 'cpu', '--dev-limit', '5', ...options]);

  it('says the metrics, and takes classes without names in their order', async () => {
    const folder = scratch();
    writeSentiment(join(folder, 'data'));
    const model = await writeModel(join(folder, 'model'), { head: binary.head });
    const { stdout, stderr } = await evaluate(model, 'sst2', ['--data', join(folder, 'data')]);
    expect(stderr).toBe('note: the classes of the head have no names: their order is taken for that of the task.\n');
    expect(stdout).toMatch(/^omoe eval: .*model on sst2, 5 dev examples\naccuracy {2}\d\.\d{4}\n$/);
  });

  it('refuses a head that does not answer the task', async () => {
    const folder = scratch();
    const data = join(folder, 'data');
    writeSentiment(data);
    const model = (name: string, head: Parameters<typeof headSpec>, classes?: string[]) =>
      writeModel(join(folder, name), { head: headSpec(...head), classes });
    const tag = await model('tag', ['tag', { classes: 2 }], ['O', 'B-x']);
    const three = await model('three', ['classify', { classes: 3 }], ['a', 'b', 'c']);
    const turned = await model('turned', ['classify', { classes: 2 }], ['positive', 'negative']);
    const others = await model('others', ['classify', { classes: 2 }], ['no', 'yes']);
    const marked = await model('marked', ['classify', { classes: 2, spans: 1 }]);
    const refused: [string, string[], RegExp][] = [
      [tag, [], /tag on sst2: received a head that does tag, expected classify/],
      [three, [], /a head of 3 classes: a, b, c, expected 2: negative, positive/],
      [turned, [], /the classes positive, negative, expected negative, positive in this order/],
      [others, [], /the classes no, yes, expected negative, positive\. /],
      [marked, [], /1 marked words, expected 0/],
      [others, ['--split', 'test'], /load task sst2: received its test part/],
      [others, ['--split', 'train'], /eval --split: received "train"/],
    ];
    for (const [path, options, message] of refused) {
      const { code, stderr } = await evaluate(path, 'sst2', ['--data', data, ...options]);
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
    expect((await evaluate(others, 'sst2')).stderr).toMatch(/eval --task sst2: received no --data DIR/);
    const right = await model('right', ['classify', { classes: 2 }], ['negative', 'positive']);
    const long = await evaluate(right, 'sst2', ['--data', data, '--length', '50']);
    expect(long.stderr).toMatch(/50 positions, expected at most 40/);
  });
});
