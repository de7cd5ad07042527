import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

  it('refuses two texts a line of a model of single ones, and the reverse, where it knows its task', async () => {
    const trained = (task: string, head: Parameters<typeof headSpec>) =>
      writeModel(join(scratch(), task), { head: headSpec(...head), trainedOn: { task, seed: 0 } });
    const pair = await trained('mrpc', ['classify', { classes: 2 }]);
    const values = await trained('stsb', ['regress']);
    const single = await trained('sst2', ['classify', { classes: 2 }]);
    const wrong: [string, string[], string, RegExp][] = [
      [pair, [], 'the gull', /received no --pairs, expected --pairs: it was trained on mrpc, whose examples are two/],
      [values, [], 'the gull', /trained on stsb, whose examples are two texts/],
      [single, ['--pairs'], 'the gull\tthe captain', /received --pairs, expected none: it was trained on sst2/],
    ];
    for (const [path, options, input, message] of wrong) {
      const { code, stdout, stderr } = await predict(path, options, input);
      expect(stderr).toMatch(message);
      expect([code, stdout]).toEqual([2, '']);
    }
    expect((await predict(pair, ['--pairs'], 'the gull\tthe captain')).code).toBe(0);
    expect((await predict(single, [], 'the gull')).code).toBe(0);
    const unknown = await trained('somebody-else', ['classify', { classes: 2 }]);
    expect((await predict(unknown, ['--pairs'], 'the gull\tthe captain')).code).toBe(0);
    const tagger = await trained('wnut17', ['tag', { classes: 3 }]);
    expect((await predict(tagger, [], 'the gull')).code).toBe(0);
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

  describe('of a diagnostic set', () => {
    const nli = ['entailment', 'neutral', 'contradiction'];
    const yesNo = ['entailment', 'not_entailment'];
    const folderWith = (name: string, text: string) => {
      const folder = scratch();
      writeFileSync(join(folder, name), text);
      return folder;
    };
    const model = (classes: string[], task?: string) =>
      writeModel(join(scratch(), 'model'), {
        ...{ head: headSpec('classify', { classes: classes.length }), classes },
        ...(task ? { trainedOn: { task, seed: 0 } } : {}),
      });
    const run = (path: string, task: string, options: string[]) =>
      omoe(['eval', '--model', path, '--task', task, '--backend', 'cpu', ...options]);
    const hidden = 'index\tsentence1\tsentence2\n0\tthe gull\tthe captain\n1\tthe captain\tthe gull\n';

    it('writes what a model of MNLI says, for the labels of AX are hidden', async () => {
      const data = folderWith('diagnostic.tsv', hidden);
      const file = join(data, 'AX.tsv');
      const path = await model(nli, 'mnli');
      const said = await run(path, 'ax', ['--data', data, '--predictions', file]);
      expect(said.stderr).toBe('');
      expect(said.stdout).toMatch(
        /on ax, 2 diagnostic examples without labels\npredictions +.*AX\.tsv\n {2}entailment +\d\n {2}neutral +\d\n {2}contradiction +\d\n$/,
      );
      const written = readFileSync(file, 'utf8');
      expect(written).toMatch(/^index\tprediction\n0\t(entailment|neutral|contradiction)\n1\t[a-z]+\n$/);
      // What `predict` says of the same pairs.
      const lines = ['the gull\tthe captain', 'the captain\tthe gull'].join('\n');
      const predicted = (await predict(path, ['--pairs'], lines)).stdout.trim().split('\n');
      expect(
        written
          .trim()
          .split('\n')
          .slice(1)
          .map((line) => line.split('\t')[1]),
      ).toEqual(predicted.map((line) => line.split('\t')[0]));

      rmSync(file);
      const document = JSON.parse((await run(path, 'ax', ['--data', data, '--predictions', file, '--json'])).stdout);
      expect(document).toMatchObject({
        ...{ schema: 'omoe.eval/1', task: 'ax', metric: 'matthews', scores: {} },
        data: { split: 'diagnostic', examples: 2 },
        predictions: { file },
      });
      const counts = Object.values(document.predictions.classes as Record<string, number>);
      expect(counts.reduce((a, b) => a + b)).toBe(2);
    });

    it('scores a model of RTE where the file has labels', async () => {
      const rows = [
        { premise: 'the gull', hypothesis: 'the captain', idx: 0, label: 'entailment' },
        { premise: 'the captain', hypothesis: 'the gull', idx: 1, label: 'not_entailment' },
      ];
      const data = folderWith('AX-g.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      const said = await run(await model(yesNo, 'rte'), 'axg', ['--data', data]);
      expect(said.stderr).toBe('');
      expect(said.stdout).toMatch(/on axg, 2 diagnostic examples\naccuracy {2}(0|1|0\.5)\.?\d*\n$/);
    });

    it('refuses other models, samples, and a file that is there', async () => {
      const data = folderWith('diagnostic.tsv', hidden);
      const path = await model(nli, 'mnli');
      const there = join(data, 'diagnostic.tsv');
      const fresh = join(data, 'AX.tsv');
      const refused: [string, string[], RegExp][] = [
        [path, [], /a file without labels, and no --predictions FILE, expected --predictions AX\.tsv/],
        [path, ['--predictions', fresh, '--dev-limit', '1'], /eval --predictions: received --dev-limit/],
        [path, ['--predictions', there], /eval --predictions: received .*diagnostic\.tsv, which is there already/],
        [path, ['--split', 'test'], /eval --split: received "test", expected no --split/],
        [await model(nli, 'cb'), ['--predictions', fresh], /a model that was trained on cb, expected .* on mnli/],
        [
          await model(yesNo, 'rte'),
          ['--predictions', fresh],
          /a head of 2 classes: .*, expected 3: entailment, neutral/,
        ],
      ];
      for (const [folder, options, message] of refused) {
        const { code, stderr } = await run(folder, 'ax', ['--data', data, ...options]);
        expect(stderr).toMatch(message);
        expect(code).toBe(2);
      }
      expect(existsSync(fresh)).toBe(false);
      const other = await run(path, 'sst2', ['--data', data, '--predictions', fresh]);
      expect(other.stderr).toMatch(/eval --predictions: received the task sst2, expected ax, axb, axg/);
      const training = await omoe(['train', '--task', 'ax', '--data', data, '--model', path]);
      expect(training.stderr).toMatch(/train --task: received ax, a diagnostic set, .*trained on mnli: omoe eval/);
      // A folder that does not say what it was trained on is taken by its classes.
      expect((await run(await model(nli), 'ax', ['--data', data, '--predictions', fresh])).code).toBe(0);
    });
  });
});
