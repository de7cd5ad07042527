export { readSafetensors } from './read.ts';
export type { SafetensorsFile, StoredTensor, StoredType } from './types.ts';
export { store, toNumbers } from './values.ts';
export { writeSafetensors } from './write.ts';
