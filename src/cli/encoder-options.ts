import type { Command } from 'commander';

/** How a loss falls, but for its rate. */
export const lossOptions = (command: Command): Command =>
  command
    .option('--weight-decay <x>', 'decoupled weight decay')
    .option('--warmup <n>', 'steps of linear warm-up')
    .option('--clip <x>', 'largest global gradient norm')
    .option('--balance-loss <x>', 'weight of the load-balance loss')
    .option('--z-loss <x>', 'weight of the router z-loss')
    .option('--capacity-factor <x>', 'expert capacity over an even share (default: dropless)');

/** The options of whatever trains an encoder: where it comes from, how its loss falls, how large it is, what it runs on. */
export const encoderOptions = (command: Command): Command =>
  lossOptions(
    command
      .option('--model <dir>', 'a Hugging Face folder to start from (default: a small encoder, drawn afresh)')
      .option('--moe-layers <list>', 'with --model: layers that get experts, from 0 (default: all)')
      .option('--dropout <x>', 'with --model: of embeddings and residuals (default: 0)')
      .option('--fresh', 'with --model: its sizes and tokenizer, but weights drawn afresh')
      .option('--lr <x>', 'peak learning rate'),
  )
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
