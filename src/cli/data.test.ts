import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { omoe, scratch } from './command.fixture.ts';

it('omoe data check --vocab counts the word pieces of a set that is only measured on', async () => {
  const folder = scratch();
  const row = '{"sentence1":"the cat sat","sentence2":"a cat sat","label":"entailment"}\n';
  writeFileSync(join(folder, 'AX-b.jsonl'), row + row);
  const vocab = join(folder, 'vocab.txt');
  writeFileSync(vocab, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', 'a', 'cat', 'sat'].join('\n'));
  const checked = await omoe(['data', 'check', 'axb', '--data', folder, '--vocab', vocab]);
  expect(checked.stderr).toBe('');
  expect(checked.code).toBe(0);
  // [CLS] three pieces [SEP] three pieces [SEP].
  expect(checked.stdout).toMatch(/2 examples, longest 9 pieces, mean 9\.0/);
});
