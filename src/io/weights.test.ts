import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.ts';
import { tensorList } from './safetensors/tensors.fixture.ts';
import type { StoredTensor } from './safetensors/types.ts';
import { writeSafetensors } from './safetensors/write.ts';
import { readWeights, writeWeights } from './weights.ts';

const u8 = (...values: number[]): StoredTensor => ({
  dtype: 'U8',
  shape: [values.length],
  bytes: new Uint8Array(values),
});
const missing = Object.assign(new Error('gone'), { code: 'ENOENT' });
const indexName = 'model.safetensors.index.json';

/** Reads from these files, as those of the folder `m`; counts what was asked for. */
function reading(files: ReadonlyMap<string, Uint8Array | string | Error>) {
  const asked: string[] = [];
  const read = async (path: string): Promise<Uint8Array> => {
    asked.push(path);
    const found = path.startsWith('m/') ? files.get(path.slice(2)) : undefined;
    if (found === undefined) throw missing;
    if (found instanceof Error) throw found;
    return typeof found === 'string' ? new TextEncoder().encode(found) : found;
  };
  return { asked, read };
}
const from = (files: Iterable<readonly [string, Uint8Array | string | Error]>) =>
  readWeights('m', reading(new Map(files)).read);
const index = (map: Record<string, unknown>) => JSON.stringify({ metadata: { total_size: 1.5 }, weight_map: map });

describe('weights', () => {
  it('come back from one file or from shards, the same whatever the limit', async () => {
    await fc.assert(
      fc.asyncProperty(tensorList, fc.integer({ min: 1, max: 300 }), async (tensors, shardBytes) => {
        const files = writeWeights(tensors, { metadata: [['format', 'pt']], shardBytes });
        const again = writeWeights([...tensors].reverse(), { metadata: [['format', 'pt']], shardBytes });
        expect([...again]).toEqual([...files]);
        const read = await from(files);
        expect(new Map(read.tensors)).toEqual(new Map(tensors));
        expect([...read.metadata]).toEqual([['format', 'pt']]);
        expect([...read.files, ...(files.size > 1 ? [indexName] : [])]).toEqual([...files.keys()]);
        for (const name of read.files) {
          const inside = [...(await from([['model.safetensors', files.get(name) as Uint8Array]])).tensors.values()];
          const size = inside.reduce((sum, { bytes }) => sum + bytes.length, 0);
          expect(size <= shardBytes || inside.filter(({ bytes }) => bytes.length > 0).length === 1).toBe(true);
        }
      }),
    );
  });

  it('are laid out as Hugging Face has them', () => {
    const files = writeWeights(
      [
        ['b', u8(1, 2)],
        ['a', u8(3, 4)],
        ['__proto__', u8(5)],
      ],
      { shardBytes: 3 },
    );
    expect([...files.keys()]).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      indexName,
    ]);
    expect(new TextDecoder().decode(files.get(indexName))).toBe(
      `{
  "metadata": {
    "total_size": 5
  },
  "weight_map": {
    "__proto__": "model-00001-of-00002.safetensors",
    "a": "model-00001-of-00002.safetensors",
    "b": "model-00002-of-00002.safetensors"
  }
}
`,
    );
  });

  it('of one file are preferred, and the rest is not read', async () => {
    const { asked, read } = reading(
      new Map<string, Uint8Array | string>([
        ['model.safetensors', writeSafetensors([['a', u8(1)]])],
        [indexName, '{'],
      ]),
    );
    expect((await readWeights('m', read)).files).toEqual(['model.safetensors']);
    expect(asked).toEqual(['m/model.safetensors']);
  });

  const shard = writeSafetensors([
    ['a', u8(1)],
    ['b', u8(2)],
  ]);
  it.each([
    ['no file', [], /neither model\.safetensors nor model\.safetensors\.index\.json/],
    ['a pickle', [['pytorch_model.bin', 'x']], /a pickle, which may run any program.*safe_serialization/],
    ['a pickle in shards', [['pytorch_model.bin.index.json', 'x']], /a pickle/],
    [
      'a file that cannot be read',
      [['model.safetensors', Object.assign(new Error('x'), { code: 'EACCES' })]],
      /EACCES/,
    ],
    ['a malformed file', [['model.safetensors', 'x']], /m\/model\.safetensors: received 1 bytes/],
    ['a malformed index', [[indexName, '{']], /index\.json: received the end of the text/],
    ['an index in Latin-1', [[indexName, new Uint8Array([0x22, 0xe9, 0x22])]], /not UTF-8/],
    ['an index without a map', [[indexName, '{"weight_map":[]}']], /no weight_map/],
    ['a number for a shard', [[indexName, index({ a: 1 })]], /no file name for tensor "a"/],
    ...[
      '../s.safetensors',
      '/s.safetensors',
      'x/s.safetensors',
      'c:s.safetensors',
      '..\\s.safetensors',
      'x\\s.safetensors',
      's.bin',
      '.safetensors',
      '',
      '..',
      'a\0.safetensors',
    ].map(
      (name) =>
        [
          `the shard ${JSON.stringify(name)}`,
          [[indexName, index({ a: name })]],
          /expected a \.safetensors file in the same folder/,
        ] as const,
    ),
    [
      'a tensor listed twice',
      [[indexName, '{"weight_map":{"a":"s.safetensors","a":"s.safetensors"}}']],
      /every key only once/,
    ],
    [
      'a shard that is missing',
      [[indexName, index({ a: 's.safetensors' })]],
      /m\/s\.safetensors: received no such file/,
    ],
    [
      'a malformed shard',
      [
        [indexName, index({ a: 's.safetensors' })],
        ['s.safetensors', 'x'],
      ],
      /m\/s\.safetensors/,
    ],
    [
      'a tensor that is only listed',
      [
        [indexName, index({ a: 's.safetensors', b: 's.safetensors', c: 's.safetensors' })],
        ['s.safetensors', shard],
      ],
      /s\.safetensors: received no tensor "c"/,
    ],
    [
      'a tensor that is not listed',
      [
        [indexName, index({ a: 's.safetensors' })],
        ['s.safetensors', shard],
      ],
      /received the tensor "b", expected only/,
    ],
    [
      'a tensor in two shards',
      [
        [indexName, index({ a: 's.safetensors', b: 't.safetensors' })],
        ['s.safetensors', shard],
        ['t.safetensors', shard],
      ],
      /received the tensor "b"/,
    ],
    [
      'a thousand shards and one',
      [
        [
          indexName,
          index(Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`t${at}`, `${at}.safetensors`]))),
        ],
      ],
      /more than 1000 shards/,
    ],
  ] as const)('refuse %s', async (_, files, message) => {
    const reads = from(files as readonly (readonly [string, string])[]);
    await expect(reads).rejects.toThrow(DataError);
    await expect(reads).rejects.toThrow(message);
  });

  it('keep of the metadata what all shards say', async () => {
    const { metadata } = await from([
      [indexName, index({ a: 's.safetensors', b: 't.safetensors' })],
      [
        's.safetensors',
        writeSafetensors(
          [['a', u8(1)]],
          [
            ['format', 'pt'],
            ['part', '1'],
          ],
        ),
      ],
      [
        't.safetensors',
        writeSafetensors(
          [['b', u8(1)]],
          [
            ['format', 'pt'],
            ['part', '2'],
          ],
        ),
      ],
    ]);
    expect([...metadata]).toEqual([['format', 'pt']]);
  });

  it('are not written with a name twice or a limit of nothing', () => {
    expect(() =>
      writeWeights(
        [
          ['a', u8(1)],
          ['a', u8(2)],
        ],
        { shardBytes: 1 },
      ),
    ).toThrow(/"a" twice/);
    expect(() => writeWeights([], { shardBytes: 0 })).toThrow(UsageError);
  });
});
