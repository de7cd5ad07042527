import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { nodeFiles } from '../io/node.ts';
import { headSpec } from '../models/heads.ts';
import { encode, initHead, initModel, loadModel, savedTrainedOn, saveModel } from '../models/index.ts';
import { inputOf, smallConfig } from '../models/small.fixture.ts';
import { key } from '../random.ts';
import type { Environment } from './environment.ts';
import { run } from './program.ts';

const t = engine(cpu());

async function omoe(...argv: string[]) {
  const written = { stdout: '', stderr: '' };
  const environment = {
    stdout: { write: (text: string) => (written.stdout += text) },
    stderr: { write: (text: string) => (written.stderr += text) },
    cores: 1,
  } as unknown as Environment;
  return { code: await run(['upcycle', ...argv], environment), ...written };
}

/** A small dense model with a head, its vocabulary, and a place for what comes of it. */
async function folder() {
  const dir = mkdtempSync(join(tmpdir(), 'omoe-upcycle-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b', 'c', 'd', 'e', 'f'];
  const config = smallConfig('bert');
  const head = headSpec('classify', { classes: 3 });
  const parameters = { ...initModel(t, key(1), config), head: initHead(t, key(2), head, 8) };
  await nodeFiles.makeFolder(join(dir, 'model'));
  for (const [name, bytes] of await saveModel(parameters, config, { head, trainedOn: { task: 'mrpc', seed: 3 } }))
    writeFileSync(join(dir, 'model', name), bytes);
  writeFileSync(join(dir, 'model', 'vocab.txt'), `${words.join('\n')}\n`);
  writeFileSync(join(dir, 'text'), 'a b c\n\nd e f a\n');
  return { dir, model: join(dir, 'model'), out: join(dir, 'out'), parameters, config, head };
}

describe('omoe upcycle', () => {
  it('writes a model that computes the same, with its head and vocabulary, and prints the receipt', async () => {
    const { dir, model, out, parameters, config, head } = await folder();
    const flags = ['--model', model, '--experts', '3', '--layers', '1', '--text', join(dir, 'text'), '--out', out];
    const { code, stdout, stderr } = await omoe(...flags);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/layer {2}block {2}max \|MoE − FFN\|/);
    expect(stdout).toMatch(/\n1 +1 +\d\.\d\de[+-]\d/);
    const sparse = await loadModel(t, out, nodeFiles.read, { head });
    expect(sparse.config.moe).toMatchObject({ layers: [1], experts: 3, k: 2 });
    expect(savedTrainedOn(sparse.config)).toEqual({ task: 'mrpc', seed: 3 });
    const input = inputOf(t, config, [[2, 5, 6, 3]]);
    const [before, after] = [encode(parameters, input, config), encode(sparse.parameters, input, sparse.config)];
    // One MoE layer: γ₄ of values below 10, through a norm that enlarges less than a hundredfold.
    const apart = t.dataSync(after.hidden.subtract(before.hidden).abs().max())[0];
    expect(apart).toBeLessThan(100 * 10 * 4 * 2 ** -24);
    expect(t.dataSync(sparse.parameters.head!.weight)).toEqual(t.dataSync(parameters.head.weight));
    expect(readFileSync(join(out, 'vocab.txt'), 'utf8')).toMatch(/^\[PAD\]/);
  });
  it('prints the receipt as JSON, stores packed, and takes noise', async () => {
    const { model, out } = await folder();
    const flags = ['--model', model, '--experts', '2', '--packed', '--noise', '0.1', '--json', '--out', out];
    const { code, stdout } = await omoe(...flags);
    expect(code).toBe(0);
    const { receipt } = JSON.parse(stdout);
    expect(receipt.layers).toHaveLength(2);
    expect(receipt.layers[0].error).toBeGreaterThan(receipt.layers[0].bound);
    expect((await loadModel(t, out, nodeFiles.read)).config.moe!.layers).toEqual([0, 1]);
  });
  it('refuses before it writes anything', async () => {
    const { dir, model, out } = await folder();
    for (const [flags, code, message] of [
      [['--model', model, '--experts', '0'], 2, /--experts: received "0"/],
      [['--model', model, '--experts', '2', '--layers', '0,x'], 2, /--layers: received "x"/],
      [['--model', model, '--experts', '2', '--layers', '2'], 2, /layers \[2\]/],
      [['--model', model, '--experts', '2', '--noise', 'much'], 2, /noise NaN/],
      [['--model', dir, '--experts', '2'], 4, /without config.json/],
      [['--model', model, '--experts', '2', '--text', join(dir, 'none')], 4, /no such file, .*none/],
    ] as const) {
      const outcome = await omoe(...flags, '--out', out);
      expect([outcome.code, outcome.stderr]).toEqual([code, expect.stringMatching(message)]);
      expect(existsSync(out)).toBe(false);
    }
    const inFile = await omoe('--model', model, '--experts', '2', '--out', join(dir, 'text', 'out'));
    expect([inFile.code, inFile.stderr]).toEqual([
      1,
      expect.stringMatching(/^omoe: create .*a file where a folder should be/),
    ]);
    const used = await omoe('--model', model, '--experts', '2', '--out', model);
    expect([used.code, used.stderr]).toEqual([2, expect.stringMatching(/--out: received .* holds config.json/)]);
  });
});
