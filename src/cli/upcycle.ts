import { readdir } from 'node:fs/promises';
import type { Engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { nodeFiles } from '../io/node.ts';
import type { ModelConfig } from '../models/config.ts';
import { longestInput } from '../models/config.ts';
import type { ModelInput } from '../models/encode.ts';
import { loadModel, savedHead, savedLength, savedTrainedOn, saveModel } from '../models/folder.ts';
import type { ExpertLayout } from '../models/names.ts';
import { type UpcycleReceipt, upcycleModel, upcycleReceipt } from '../models/upcycle.ts';
import { integers, key } from '../random.ts';
import { readLines } from '../text/lines.ts';
import { readTokenizer } from '../text/read-tokenizer.ts';
import { readTokenizerFiles } from '../text/tokenizer-files.ts';
import { encodeJson } from '../train/json.ts';
import { createEngine } from './backends.ts';
import type { Environment, OutputFlags } from './environment.ts';
import { writeModelFolder } from './model-folder.ts';
import { textTable } from './table.ts';

export interface UpcycleFlags extends OutputFlags {
  readonly model: string;
  readonly out: string;
  readonly experts: string;
  readonly layers?: string;
  readonly topK?: string;
  readonly seed?: string;
  readonly noise?: string;
  readonly packed?: boolean;
  readonly text?: string;
  readonly backend?: string;
}

/**
 * `omoe upcycle`: turns layers of a Hugging Face folder into Mixtures of Experts that start as copies of them, writes the
 * folder, and prints how far the function has moved.
 *
 * @throws DataError for a folder that cannot be read; UsageError for an option out of range or an output folder in use
 */
export async function upcycle(flags: UpcycleFlags, environment: Environment): Promise<void> {
  const options = {
    experts: wholeNumber('--experts', flags.experts, 1),
    layers: flags.layers?.split(',').map((layer) => wholeNumber('--layers', layer, 0)),
    k: flags.topK === undefined ? undefined : wholeNumber('--top-k', flags.topK, 1),
    noise: flags.noise === undefined ? 0 : Number(flags.noise),
    key: key(wholeNumber('--seed', flags.seed ?? '0', 0)),
  };
  await requireNewFolder(flags.out);
  const t = await createEngine(flags.backend ?? 'cpu');
  try {
    const loaded = await loadModel(t, flags.model, nodeFiles.read);
    const head = savedHead(loaded.config);
    const dense = head ? await loadModel(t, flags.model, nodeFiles.read, { head }) : loaded;
    const sparse = upcycleModel(dense.parameters, dense.config, options);
    const input = await sentences(t, dense.config, flags);
    const receipt = await upcycleReceipt(dense, sparse, input);
    const experts: ExpertLayout = flags.packed ? 'packed' : 'per-expert';
    const files = await saveModel(sparse.parameters, sparse.config, {
      head,
      experts,
      length: savedLength(dense.config),
      trainedOn: savedTrainedOn(dense.config),
    });
    await writeModelFolder(flags.out, new Map([...(await readTokenizerFiles(flags.model, nodeFiles.read)), ...files]));
    environment.stdout.write(flags.json ? asJson(flags, dense.unused, receipt) : asText(flags, dense.unused, receipt));
  } finally {
    await t.backend.dispose();
  }
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least) return value;
  throw new UsageError({ operation: option, received: `"${text}"`, expected: `a whole number of at least ${least}` });
}

async function requireNewFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length === 0) return;
  throw new UsageError({
    operation: '--out',
    received: `${folder}, which holds ${names[0]}`,
    expected: 'a folder that is new or empty',
  });
}

/** What the receipt is measured on: the first lines of a text, or ids drawn at random, neither of them padding. */
async function sentences(t: Engine, config: ModelConfig, { text, model, seed }: UpcycleFlags): Promise<ModelInput> {
  const length = Math.min(longestInput(config), 128);
  const rows: Int32Array[] = [];
  if (text === undefined)
    for (let row = 0; row < 4; row++)
      rows.push(
        integers(key(Number(seed ?? 0) * 4 + row), length, 0, config.vocabulary - 1).map((id) =>
          id < config.pad ? id : id + 1,
        ),
      );
  else {
    const tokenizer = await readTokenizer(model, nodeFiles.read);
    const lines = (await readLines(text, 'plain text in UTF-8', nodeFiles.read)).filter((line) => line.trim() !== '');
    for (const line of lines.slice(0, 8)) rows.push(tokenizer.join(tokenizer.pieces(line), null, length).tokens);
  }
  if (rows.length === 0)
    throw new UsageError({
      operation: '--text',
      received: `${text} without a line of text`,
      expected: 'lines of text',
    });
  const longest = Math.max(...rows.map((row) => row.length));
  const tokens = new Int32Array(rows.length * longest).fill(config.pad);
  const mask = new Uint8Array(tokens.length);
  rows.forEach((row, i) => {
    tokens.set(row, i * longest);
    mask.fill(1, i * longest, i * longest + row.length);
  });
  const shape = [rows.length, longest];
  return { tokens: t.tensor(tokens, shape), segments: null, mask: t.tensor(mask, shape, 'bool') };
}

function asJson({ out }: UpcycleFlags, unused: readonly string[], receipt: UpcycleReceipt): string {
  return `${encodeJson({ out, unused, receipt }, 2)}\n`;
}

function asText({ out }: UpcycleFlags, unused: readonly string[], { layers, hidden }: UpcycleReceipt): string {
  const rows = layers.map(({ layer, block, error, bound, largest }) => [
    `${layer}`,
    `${block}`,
    error.toExponential(2),
    bound === null ? 'none: the gates of a token do not sum to 1' : bound.toExponential(2),
    largest.toPrecision(3),
  ]);
  const table = textTable(['layer', 'block', 'max |MoE − FFN|', 'bound by rounding', 'max |FFN|'], rows);
  const left = unused.length > 0 ? `Not part of the encoder, left out: ${unused.join(', ')}\n` : '';
  return `${table}\nmax |hidden state upcycled − dense|: ${hidden.toExponential(2)}\n${left}${out}\n`;
}
