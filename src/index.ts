/** `omoe`: the tensor and autograd engine. Backends, layers and optimizers are subpaths; see the README's map. */
export type { Backend, DType, HostArray, Spec, View } from './backend.ts';
export type { TraceLine } from './dispatch.ts';
export { Engine, type EngineOptions, engine, Region, SyncEngine } from './engine.ts';
export { DataError, DeviceError, DivergedError, DTypeError, OmoeError, ShapeError, UsageError } from './errors.ts';
export { type Pending, pendingAll, pendingNumber, readTogether } from './pending.ts';
export {
  bits,
  foldIn,
  integers,
  type Key,
  key,
  normal,
  permutation,
  split,
  truncatedNormal,
  uniform,
} from './random.ts';
export { type Reduction, Tensor } from './tensor.ts';
export { byPath, leaves, mapTree } from './tree.ts';
