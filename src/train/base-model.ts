import { crc32c } from '../io/crc.ts';
import type { SafetensorsFile } from '../io/safetensors/types.ts';
import { openWeights } from '../io/weights.ts';
import type { ModelConfig } from '../models/config.ts';
import { readModelConfig } from '../models/folder.ts';
import type { ReadFile } from '../text/lines.ts';

/** What is known of the folder that a fine-tuning starts from, before its weights are made parameters. */
export interface BaseModel {
  readonly config: ModelConfig;
  /** Over its config and every number of its weights, however these are spread over files. */
  readonly sum: number;
  /** Whether the weights were read; else the sum is over the config alone. */
  readonly weighed: boolean;
}

/**
 * @param fresh the weights are drawn anew: those of the folder are not looked at, and need not be there
 * @throws DataError for a folder that cannot be read
 */
export async function readBaseModel(folder: string, read: ReadFile, fresh = false): Promise<BaseModel> {
  const config = await readModelConfig(folder, read);
  const sum = startSum();
  if (!fresh) for await (const { tensors } of (await openWeights(folder, read)).shards()) sum.add(tensors);
  return { config, sum: sum.with(config), weighed: !fresh };
}

/** The sum of a model whose weights come file by file. */
export function startSum() {
  const lines: string[] = [];
  return {
    add(tensors: SafetensorsFile['tensors']): void {
      for (const [name, { dtype, shape, bytes }] of tensors) lines.push(`${name} ${dtype} [${shape}] ${crc32c(bytes)}`);
    },
    with: (config: ModelConfig): number =>
      crc32c(new TextEncoder().encode([JSON.stringify(config), ...[...lines].sort()].join('\n'))),
  };
}
