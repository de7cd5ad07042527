/**
 * `omoe/models`: BERT, RoBERTa and ALBERT encoders from and to Hugging Face folders, dense or with experts, and their heads.
 *
 * Names of tensors, MoE layouts included, stand in names.ts; docs/models.md tells how all of it is used.
 */
export * from './config.ts';
export * from './count.ts';
export { type Encoded, type EncodeOptions, encode, type ModelInput, type ModelLayer } from './encode.ts';
export * from './folder.ts';
export * from './heads.ts';
export * from './mlm.ts';
export type { ExpertLayout } from './names.ts';
export { nearAttention } from './near-attention.ts';
export * from './parameters.ts';
export * from './task-model.ts';
export * from './upcycle.ts';
export { type HeadRequest, type LoadedWeights, loadWeights, type StoreOptions, storeWeights } from './weights.ts';
