/**
 * `omoe/io`: tensors in files (safetensors, one file or shards), files written whole, folders of checkpoints. Nothing here
 * touches a disk by itself: the file operations are passed in. Node's are in `omoe/io/node`.
 */
export {
  type Checkpoint,
  type Choice,
  type Latest,
  openStore,
  type PassedOver,
  type Store,
  type StoreOptions,
} from './checkpoints.ts';
export { bytesIn, type FileContent, type Files, type ReadFile, writeWhole } from './files.ts';
export { sha256 } from './hash.ts';
export type { Lock, Processes, ProcessName } from './lock.ts';
export { lockFolder } from './lock.ts';
export { memoryFiles } from './memory.ts';
export * from './safetensors/index.ts';
export { type PendingTensor, pendingWeights } from './shards.ts';
export {
  type OpenWeights,
  openWeights,
  readWeights,
  type Weights,
  type WeightsOptions,
  writeWeights,
} from './weights.ts';
