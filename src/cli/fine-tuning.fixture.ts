import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { freshConfig } from '../models/config.ts';
import { type HeadSpec, saveModel, type TrainedOn } from '../models/folder.ts';
import { initHead } from '../models/heads.ts';
import { initModel } from '../models/parameters.ts';
import { upcycleModel } from '../models/upcycle.ts';
import { key } from '../random.ts';
import { detokenize, embedded, embeddedVocabulary } from '../tasks/embedded.ts';
import { writeModelFolder } from './model-folder.ts';

/** Real folders of models and tasks, small enough to be trained in a test. */

const words = embeddedVocabulary.filter((word) => !word.startsWith('['));
/** BERT's own layout of a vocabulary, over the words of the embedded language. */
export const vocabulary: readonly string[] = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words, '?', 'who'];

interface Wanted {
  readonly seed?: number;
  readonly experts?: number;
  readonly vocab?: boolean;
  /** A head of random weights. */
  readonly head?: HeadSpec;
  readonly classes?: readonly string[];
  readonly trainedOn?: TrainedOn;
}

/** A BERT of random weights with its tokenizer, dense or with experts, as a folder. */
export async function writeModel(
  folder: string,
  { seed = 1, experts = 0, vocab = true, head, classes, trainedOn }: Wanted = {},
): Promise<string> {
  const t = engine(cpu());
  const sizes = { vocabulary: vocabulary.length, positions: 40, width: 8, hidden: 12, heads: 2, layers: 2 };
  const config = { ...freshConfig('bert', sizes), initial: 0.3 };
  const encoder = initModel(t, key(seed), config, { mlm: !head });
  const own = head && { head: initHead(t, key(seed), head, config.width) };
  const dense = { parameters: { ...encoder, ...own }, config };
  const { parameters, config: written } =
    experts > 0 ? upcycleModel(dense.parameters, config, { experts, layers: [1], key: key(2) }) : dense;
  const text = new TextEncoder().encode(`${vocabulary.join('\n')}\n`);
  await writeModelFolder(
    folder,
    new Map([
      ...(vocab ? [['vocab.txt', text] as const] : []),
      ...(await saveModel(parameters, written, { head, classes, length: head && 16, trainedOn })),
    ]),
  );
  return folder;
}

/** Sentences of the embedded language in the layout of SST-2; returns those to measure on. */
export function writeSentiment(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  const { train, dev } = embedded({ seed: 3, train: 16, dev: 8 });
  const file = (examples: typeof train) =>
    `sentence\tlabel\n${examples.map(({ tokens, label }) => `${detokenize(tokens)}\t${label}\n`).join('')}`;
  writeFileSync(join(folder, 'train.tsv'), file(train));
  writeFileSync(join(folder, 'dev.tsv'), file(dev));
  return dev.map(({ tokens }) => detokenize(tokens));
}
