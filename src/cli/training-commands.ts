import type { Command } from 'commander';
import { encoderOptions } from './encoder-options.ts';
import type { Environment, OutputFlags } from './environment.ts';
import { type EvalFlags, evaluateModel } from './eval.ts';
import { type PredictFlags, predict } from './predict.ts';
import { type PretrainCommand, pretrain } from './pretrain.ts';
import { type TrainCommand, train } from './train.ts';
import { type UpcycleFlags, upcycle } from './upcycle.ts';

/** A command may say its own exit code, where it has done what was asked and the answer is no. */
export type Act = (flags: OutputFlags, command: () => Promise<unknown>) => Promise<void>;

export interface Commands {
  readonly program: Command;
  /** Adds the options that all commands have. */
  output(command: Command): Command;
  readonly act: Act;
  /** The command line that repeats this one. */
  readonly command: string;
  readonly environment: Environment;
}

/** The commands that make one model and use it: `train`, `pretrain`, `upcycle`, `eval`, `predict`. */
export function trainingCommands({ program, output, act, command, environment }: Commands): void {
  const trainCommand = output(program.command('train'))
    .description('train one model on a task, with checkpoints to go on from; without --task the embedded one')
    .option('--task <name>', 'a task of `omoe data list` (default: the embedded one)')
    .option('--data <dir>', 'the folder of the task')
    .option('--vocab <file>', 'a BERT vocab.txt')
    .option('--out <dir>', 'the run folder, new or empty (default: runs/<time>-train-<task>)')
    .option('--resume <dir>', 'go on with the training of this folder, under its own plan')
    .option('--last', 'with --resume: the model gets the last parameters, where the best are damaged')
    .option('--method <name>', 'one method, options after a colon (default: omoe)')
    .option('--dense', 'train the encoder without experts')
    .option('--steps <n>', 'training steps')
    .option('--batch <n>', 'examples in a batch')
    .option('--accumulate <n>', 'batches whose gradients are added up in a step')
    .option('--buckets <n>', 'batches that are sorted by length together; 1 sorts nothing (default: 32)')
    .option('--save-every <n>', 'steps between checkpoints (default: 50)')
    .option('--keep <n>', 'how many of the newest checkpoints are kept, besides the best (default: 2)')
    .option('--eval-every <n>', 'steps between evaluations (default: at the end only)')
    .option('--patience <n>', 'stop after so many evaluations without a better one')
    .option('--seed <n>', 'of everything drawn (default: 0)');
  encoderOptions(trainCommand)
    .option('--decay <form>', 'linear, cosine or constant (default: linear)')
    .option('--threads <n>', 'threads of the backend (default: one a core)')
    .option('--tensorboard', 'write event files for TensorBoard as well')
    .option('--dry-run', 'print the plan, its parameters, memory and time; run nothing')
    .addHelpText('after', trainExamples)
    .action((flags: TrainCommand) => act(flags, () => train(flags, command, environment)));

  output(program.command('pretrain'))
    .description('train a small encoder on plain text by filling in hidden words, from nothing')
    .option('--text <file...>', 'plain text; paragraphs, numbered sentences or wikitext articles are documents')
    .option('--out <dir>', 'the run folder, new or empty (default: runs/<time>-pretrain)')
    .option('--resume <dir>', 'go on with the pretraining of this folder, under its own plan')
    .option('--last', 'with --resume: the model gets the last parameters, where the best are damaged')
    .option('--tokenizer <dir>', 'a folder with a tokenizer (default: word pieces are trained on the text)')
    .option('--vocab-size <n>', 'word pieces that are trained (default: 8000)')
    .option('--held-out <n>', 'one document in so many is kept for the perplexity (default: 20)')
    .option('--mask-rate <x>', 'share of the pieces to be predicted (default: 0.15)')
    .option('--whole-words', 'hide whole words, not single pieces')
    .option('--steps <n>', 'training steps (default: 2000)')
    .option('--batch <n>', 'blocks in a batch (default: 32)')
    .option('--accumulate <n>', 'batches whose gradients are added up in a step')
    .option('--length <n>', 'tokens of a block (default: 32)')
    .option('--positions <n>', 'longest text that the model takes (default: 128, or --length where that is more)')
    .option('--initial <sd>', 'standard deviation of fresh weights; BERT has 0.02 at width 768 (default: 0.06)')
    .option('--pooling <what>', 'what heads will see of a text: mean of its tokens, or first, as BERT (default: mean)')
    .option('--random-start', 'do not let tokens attend to near ones from the start')
    .option('--width <n>', 'model width (default: 128)')
    .option('--ffn <n>', 'hidden width of each FFN (default: 512)')
    .option('--layers <n>', 'encoder layers (default: 2)')
    .option('--heads <n>', 'attention heads (default: 4)')
    .option('--lr <x>', 'peak learning rate (default: 1e-3)')
    .option('--warmup <n>', 'steps of linear warm-up (default: 100)')
    .option('--weight-decay <x>', 'decoupled weight decay (default: 0.01)')
    .option('--clip <x>', 'largest global gradient norm (default: 1)')
    .option('--dropout <x>', 'of embeddings and residuals (default: 0)')
    .option('--eval-every <n>', 'steps between perplexities (default: at the end only)')
    .option('--patience <n>', 'stop after so many perplexities without a better one')
    .option('--save-every <n>', 'steps between checkpoints (default: 200)')
    .option('--keep <n>', 'how many of the newest checkpoints are kept, besides the best (default: 2)')
    .option('--seed <n>', 'of everything drawn (default: 0)')
    .option('--backend <name>', 'as for compare (default: auto)')
    .option('--threads <n>', 'threads of the backend (default: one a core)')
    .option('--tensorboard', 'write event files for TensorBoard as well')
    .option('--dry-run', 'print what the text holds and what would be trained; train nothing')
    .addHelpText('after', pretrainExamples)
    .action((flags: PretrainCommand) => act(flags, () => pretrain(flags, command, environment)));

  output(program.command('upcycle'))
    .description('turn layers of a Hugging Face encoder into Mixtures of Experts that start as copies of them')
    .requiredOption('--model <dir>', 'a folder with config.json and model.safetensors: BERT, RoBERTa or ALBERT')
    .requiredOption('--experts <n>', 'experts in each layer')
    .requiredOption('--out <dir>', 'the new folder')
    .option('--layers <list>', 'layers counted from 0, such as 4,5; of ALBERT its shared blocks (default: all)')
    .option('--top-k <n>', 'experts that a token is sent to (default: 2)')
    .option('--noise <x>', 'standard deviation of noise on each copy (default: 0, exact copies)')
    .option('--seed <n>', 'of the routers and the noise (default: 0)')
    .option('--packed', 'store the experts of a layer as one tensor, not one by one')
    .option('--text <file>', 'measure on the first lines of a text (default: on random tokens)')
    .option('--backend <name>', 'as for compare (default: cpu)')
    .addHelpText(
      'after',
      '\nExample:\n  omoe upcycle --model bert-base-uncased --experts 8 --layers 10,11 --out bert-moe',
    )
    .action((flags: UpcycleFlags) => act(flags, () => upcycle(flags, environment)));

  output(program.command('eval'))
    .description('the official metrics of a fine-tuned model on the dev part of a task, or on a diagnostic set')
    .requiredOption('--model <dir>', 'a Hugging Face folder with a head, such as model/ of a run folder')
    .requiredOption('--task <name>', 'a task of `omoe data list`')
    .option('--data <dir>', 'the folder of the task')
    .option('--split <name>', 'dev, or of conll2003 and wnut17 test (default: dev)')
    .option('--predictions <file>', 'of ax, axb and axg: write what the model says, as the benchmark takes it')
    .option('--dev-limit <n>', 'at most so many examples, drawn by the seed')
    .option('--length <n>', 'positions; longer texts are cut (default: those of the training)')
    .option('--batch <n>', 'examples in a batch (default: 64)')
    .option('--seed <n>', 'of what is drawn: generated tasks and limits (default: that of the training)')
    .option('--backend <name>', 'as for compare (default: auto)')
    .option('--threads <n>', 'threads of the backend (default: one a core)')
    .addHelpText('after', evalExamples)
    .action((flags: EvalFlags) => act(flags, () => evaluateModel(flags, command, environment)));

  program
    .command('predict')
    .description('what a fine-tuned model says of each line of a text')
    .requiredOption('--model <dir>', 'a Hugging Face folder with a head, such as model/ of a run folder')
    .option('--text <file>', 'one question to the model a line, in UTF-8 (default: the standard input)')
    .option('--pairs', 'each line is two texts with a TAB between them')
    .option(
      '--null-threshold <x>',
      'no answer where that is worth over this more than the best one (default: always one)',
    )
    .option(
      '--best <n>',
      'of a model that answers questions: so many answers of each, the best first (default: the best)',
    )
    .option('--length <n>', 'tokens; what is longer is cut, or windowed (default: those of the training)')
    .option('--batch <n>', 'examples in a batch (default: 32)')
    .option('--backend <name>', 'as for compare (default: auto)')
    .option('--threads <n>', 'threads of the backend (default: one a core)')
    .option('--json', 'one JSON document a line on stdout, nothing else')
    .option('--quiet', 'no notes')
    .option('--verbose', 'stack traces')
    .addHelpText('after', predictExamples)
    .action((flags: PredictFlags) => act(flags, () => predict(flags, environment)));
}

const trainExamples = `
Examples:
  omoe train --steps 200 --eval-every 50 --out runs/first
  omoe train --resume runs/first
  omoe train --task sst2 --data glue/SST-2 --vocab vocab.txt --accumulate 2 --patience 3 --eval-every 100`;

const evalExamples = `
Examples:
  omoe eval --model runs/mrpc/model --task mrpc --data glue/MRPC
  omoe eval --model runs/mnli/model --task ax --data glue/AX --predictions AX.tsv`;

const predictExamples = `
A line is a text; with --pairs two texts; for a model that tags, words; for one that answers, a question and a context; for
one that chooses, a text and its choices. TABs part them.

Examples:
  echo 'a charming film' | omoe predict --model runs/sst2/model
  omoe predict --model runs/squad/model --text questions.tsv --json`;

const pretrainExamples = `
Examples:
  omoe pretrain --text wiki.txt novels.txt --out runs/small-bert
  omoe pretrain --resume runs/small-bert
  omoe pretrain --text wiki.txt --tokenizer bert-base-uncased --length 128 --dry-run`;
