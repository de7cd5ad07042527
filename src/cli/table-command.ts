import { lossOptions } from './encoder-options.ts';
import { suiteTable } from './suite-table.ts';
import type { TableFlags } from './table-tasks.ts';
import type { Commands } from './training-commands.ts';

/** `table`: many comparisons in one command. */
export function tableCommand({ program, output, act, command, environment }: Commands): void {
  lossOptions(output(program.command('table')))
    .description('compare the methods on all tasks of a suite, from one checkpoint, and write the table')
    .argument('<suite>', 'glue, superglue, qa or ner')
    .requiredOption('--data <dir>', 'the folder of the suite, with each task in its official folder')
    .requiredOption('--model <dir>', 'the checkpoint to start from: a Hugging Face folder')
    .requiredOption(
      '--out <dir>',
      'a folder for each task, table.json and table.md; a table that was broken off goes on',
    )
    .option('--methods <list>', 'as for compare (default: adamw,omoe,omoe-paper)')
    .option('--tasks <list>', 'some of the tasks of the suite, such as cola,rte')
    .option('--seeds <n>', 'how many seeds from --seed on, or a list such as 3,7,9 (default: 5)')
    .option('--seed <n>', 'the first seed (default: 0)')
    .option('--cycle <a/o>', 'accumulating and orthogonal steps of OMoE (default: by the task)')
    .option('--steps <n>', 'training steps of each method (default: by the task, as are the next five)')
    .option('--batch <n>', 'examples in a batch')
    .option('--lr <x>', 'peak learning rate')
    .option('--length <n>', 'positions; longer texts are cut')
    .option('--train-limit <n>', 'at most so many training records')
    .option('--dev-limit <n>', 'at most so many dev records')
    .option('--dense-steps <n>', 'training steps before the upcycle')
    .option('--experts <n>', 'experts in each layer (default: 4)')
    .option('--top-k <n>', 'experts that a token is sent to')
    .option('--moe-layers <list>', 'blocks that become Mixtures of Experts (default: all)')
    .option('--dropout <x>', 'of embeddings and residuals')
    .option('--fresh', 'the sizes and the tokenizer of the model, but weights drawn afresh')
    .option('--backend <name>', 'as for compare (default: auto)')
    .option('--threads <n>', 'as for compare (default: one a core)')
    .option('--dry-run', 'read the data and print what would be run; run nothing')
    .addHelpText('after', examples)
    .action((suite: string, flags: TableFlags) => act(flags, () => suiteTable(suite, flags, command, environment)));
}

const examples = `
Examples:
  omoe table glue --data glue --model runs/small-bert/model --out runs/glue
  omoe table ner --data ner --model bert-base-uncased --out runs/ner --seeds 3 --steps 300 --cycle 50/50
  omoe table superglue --data superglue --model bert-base-uncased --out runs/superglue --tasks cb,copa --dry-run`;
