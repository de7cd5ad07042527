import { UsageError } from '../errors.ts';
import { quoted } from './safetensors/read.ts';
import { byteSize, type StoredTensor, type StoredType } from './safetensors/types.ts';
import { compareNames, writeSafetensors } from './safetensors/write.ts';

/** Which tensor goes to which file: one file, or shards and an index that says what is where. */

/** A tensor whose elements are read when its file is written. */
export interface PendingTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  read(): Promise<StoredTensor>;
}

export const fileName = (stem: string): string => `${stem}.safetensors`;
export const indexName = (stem: string): string => `${fileName(stem)}.index.json`;

type Named<T> = readonly [name: string, tensor: T];

interface Layout<T> {
  /** File names and what is in them, in the order of the tensors' names. */
  readonly shards: readonly { readonly file: string; readonly tensors: readonly Named<T>[] }[];
  /** Null for a single file. */
  readonly index: Uint8Array | null;
}

/**
 * Tensors go to shards in the order of their names, so that the same tensors give the same files.
 *
 * @param limit bytes of tensors in a file, unless a single tensor is larger
 * @throws UsageError for a name that is given twice and a limit below 1
 */
export function layOut<T>(
  stem: string,
  tensors: Iterable<Named<T>>,
  limit: number,
  sizeOf: (tensor: T) => number,
): Layout<T> {
  if (!(limit >= 1))
    throw new UsageError({ operation: 'write weights', received: `shardBytes ${limit}`, expected: 'at least 1' });
  const sorted = [...tensors].sort(([a], [b]) => compareNames(a, b));
  const twice = sorted.find(([name], at) => name === sorted[at + 1]?.[0]);
  if (twice)
    throw new UsageError({ operation: 'write weights', received: `${quoted(twice[0])} twice`, expected: 'it once' });
  const parts = split(sorted, limit, sizeOf);
  if (parts.length <= 1) return { shards: [{ file: fileName(stem), tensors: sorted }], index: null };
  const number = (value: number) => String(value).padStart(5, '0');
  const shards = parts.map((tensors, at) => ({
    file: `${stem}-${number(at + 1)}-of-${number(parts.length)}.safetensors`,
    tensors,
  }));
  const total = sorted.reduce((sum, [, tensor]) => sum + sizeOf(tensor), 0);
  // Written by hand, for an object would lose a tensor of the name __proto__ and put the numbers first.
  const lines = shards.flatMap(({ file, tensors }) =>
    tensors.map(([name]) => `    ${JSON.stringify(name)}: "${file}"`),
  );
  const index = `{\n  "metadata": {\n    "total_size": ${total}\n  },\n  "weight_map": {\n${lines.join(',\n')}\n  }\n}\n`;
  return { shards, index: new TextEncoder().encode(index) };
}

function split<T>(sorted: readonly Named<T>[], limit: number, sizeOf: (tensor: T) => number) {
  const parts: Named<T>[][] = [];
  let room = 0;
  for (const named of sorted) {
    const size = sizeOf(named[1]);
    if (size > room || parts.length === 0) {
      parts.push([]);
      room = limit;
    }
    parts[parts.length - 1].push(named);
    room -= size;
  }
  return parts;
}

/**
 * `stem.safetensors`, or shards and their index, each made only when it is asked for: no more than the tensors of one file
 * are in memory then.
 *
 * @throws UsageError as {@link layOut}; a file's function rejects with what reading its tensors throws
 */
export function pendingWeights(
  stem: string,
  tensors: Iterable<Named<PendingTensor>>,
  limit: number,
): Map<string, () => Promise<Uint8Array>> {
  const { shards, index } = layOut(stem, tensors, limit, ({ dtype, shape }) => byteSize(dtype, shape) ?? Infinity);
  const files = new Map<string, () => Promise<Uint8Array>>();
  for (const { file, tensors: held } of shards)
    files.set(file, async () => {
      const read: Named<StoredTensor>[] = [];
      for (const [name, tensor] of held) read.push([name, await tensor.read()]);
      return writeSafetensors(read);
    });
  if (index) files.set(indexName(stem), async () => index);
  return files;
}
