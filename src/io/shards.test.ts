import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { store } from './safetensors/index.ts';
import { type PendingTensor, pendingWeights } from './shards.ts';
import { openWeights, readWeights, writeWeights } from './weights.ts';

const tensors = Array.from({ length: 7 }, (_, at) => {
  const data = Float32Array.from({ length: 4 + at }, (_, i) => at + i / 8);
  return [`t${at}`, store(data, [data.length])] as const;
});
/** The tensors as they are read one by one; what was read is noted. */
const pendingOf = (reads: string[]) =>
  tensors.map(([name, tensor]): readonly [string, PendingTensor] => [
    name,
    {
      ...{ dtype: tensor.dtype, shape: tensor.shape },
      async read() {
        reads.push(name);
        return tensor;
      },
    },
  ]);
const limit = 60;

describe('weights that are made file by file', () => {
  it('are the same to the byte as those that are made at once, for any limit', async () => {
    for (const shardBytes of [1, limit, 100, 1000]) {
      const files = new Map<string, Uint8Array>();
      for (const [name, make] of pendingWeights('model', pendingOf([]), shardBytes)) files.set(name, await make());
      expect(files).toEqual(writeWeights(tensors, { shardBytes }));
    }
  });

  it('read the tensors of a file when it is made, and none before', async () => {
    const reads: string[] = [];
    const files = pendingWeights('optimizer', pendingOf(reads), limit);
    expect([...files.keys()]).toEqual([
      ...[1, 2, 3, 4].map((at) => `optimizer-0000${at}-of-00004.safetensors`),
      'optimizer.safetensors.index.json',
    ]);
    expect(reads).toEqual([]);
    await files.get('optimizer-00002-of-00004.safetensors')!();
    expect(reads).toEqual(['t3', 't4']);
    expect(() => pendingWeights('model', [...pendingOf([]), ...pendingOf([])], limit)).toThrow(UsageError);
  });

  it('are read file by file, under any stem', async () => {
    const files = pendingWeights('optimizer', pendingOf([]), limit);
    const reads: string[] = [];
    const read = async (path: string) => {
      const make = files.get(path.slice(2));
      if (!make) throw Object.assign(new Error(path), { code: 'ENOENT' });
      reads.push(path);
      return make();
    };
    const weights = await openWeights('m', read, 'optimizer');
    expect(reads).toEqual(['m/optimizer.safetensors.index.json']);
    expect([...weights.names]).toEqual(tensors.map(([name]) => name));
    const seen: [number, ...string[]][] = [];
    for await (const shard of weights.shards()) seen.push([reads.length, ...shard.tensors.keys()]);
    expect(seen).toEqual([
      [2, 't0', 't1', 't2'],
      [3, 't3', 't4'],
      [4, 't5'],
      [5, 't6'],
    ]);
    await expect(readWeights('m', read)).rejects.toThrow(/neither model\.safetensors nor/);
  });
});
