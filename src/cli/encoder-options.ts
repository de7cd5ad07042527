import type { Command } from 'commander';

/** The options of whatever trains the small encoder: how its loss falls, how large it is, what it runs on. */
export const encoderOptions = (command: Command): Command =>
  command
    .option('--lr <x>', 'peak learning rate')
    .option('--weight-decay <x>', 'decoupled weight decay')
    .option('--warmup <n>', 'steps of linear warm-up')
    .option('--clip <x>', 'largest global gradient norm')
    .option('--balance-loss <x>', 'weight of the load-balance loss')
    .option('--z-loss <x>', 'weight of the router z-loss')
    .option('--capacity-factor <x>', 'expert capacity over an even share (default: dropless)')
    .option('--train-limit <n>', 'at most so many training examples')
    .option('--dev-limit <n>', 'at most so many dev examples')
    .option('--width <n>', 'model width')
    .option('--ffn <n>', 'hidden width of each FFN')
    .option('--layers <n>', 'encoder layers')
    .option('--heads <n>', 'attention heads')
    .option('--experts <n>', 'experts in each layer')
    .option('--top-k <n>', 'experts that a token is sent to')
    .option('--length <n>', 'positions; longer sentences are cut')
    .option(
      '--backend <name>',
      'auto, wasm[:relaxed|plain][:THREADS], cpu, or gpujs[:webgpu|webgl2|webgl|headlessgl|webasm|cpu]',
    );
