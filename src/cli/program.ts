import { Command, CommanderError } from 'commander';
import { methodTable } from '../optim/methods.ts';
import { commandLine } from './command-line.ts';
import { type CompareCommand, compare } from './compare.ts';
import { type ConformFlags, conform } from './conform.ts';
import { type DataCheckFlags, dataCheck, dataList } from './data.ts';
import { type DataGetFlags, dataGet } from './data-get.ts';
import { type DataSentencesFlags, dataSentences } from './data-sentences.ts';
import { doctor } from './doctor.ts';
import { encoderOptions } from './encoder-options.ts';
import type { Environment, OutputFlags } from './environment.ts';
import { reportFailure } from './failure.ts';
import { report } from './report.ts';
import { textTable } from './table.ts';
import { tableCommand } from './table-command.ts';
import { type Act, trainingCommands } from './training-commands.ts';
import { usageErrorOf } from './usage.ts';
import { packageVersion } from './version.ts';

/**
 * The command line.
 *
 * @param argv what follows the program's name
 * @returns the exit code: 0 ok, 1 failure, 2 usage, 3 diverged, 4 bad or corrupt input, 130 interrupted
 */
export async function run(argv: readonly string[], environment: Environment): Promise<number> {
  let exitCode = 0;
  /** Runs a command; what it throws becomes a message and an exit code. */
  const act: Act = async (flags, command) => {
    try {
      const code = await command();
      if (typeof code === 'number') exitCode = code;
    } catch (error) {
      exitCode = reportFailure(error, flags, environment);
    }
  };
  const program = commands(argv, environment, act);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // 0: commander has printed the help or the version that was asked for.
    if (error.exitCode !== 0)
      exitCode = reportFailure(usageErrorOf(error, program, argv), outputFlags(argv), environment);
  }
  return exitCode;
}

/** What a command line that could not be read says of its own output. */
function outputFlags(argv: readonly string[]): OutputFlags {
  const end = argv.indexOf('--');
  const options = end === -1 ? argv : argv.slice(0, end);
  return { json: options.includes('--json'), verbose: options.includes('--verbose') };
}

function commands(argv: readonly string[], environment: Environment, act: Act): Command {
  const program = new Command('omoe')
    .description('Orthogonal Mixture-of-Experts: train, compare and measure.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => environment.stdout.write(text),
      writeErr: (text) => environment.stderr.write(text),
      // `run` tells what was wrong, in the form of every other error.
      outputError: () => {},
    })
    .addHelpText(
      'after',
      `\nExit codes: 0 ok, 1 failure, 2 usage, 3 diverged, 4 bad or corrupt input, 130 interrupted.`,
    );

  const output = (command: Command) =>
    command
      .option('--json', 'one JSON document on stdout, nothing else')
      .option('--quiet', 'no progress and no notes')
      .option('--verbose', 'stack traces and the output of workers');

  const compareCommand = output(program.command('compare'))
    .description('train each method at each seed, measure, and compare; without --task a small embedded demonstration')
    .option('--task <name>', 'a task of `omoe data list` (default: the embedded one)')
    .option('--data <dir>', 'the folder of the task')
    .option('--vocab <file>', 'a BERT vocab.txt')
    .option('--methods <list>', 'methods, options after a colon: adamw,omoe:side=input,alpha=1e-2')
    .option('--seeds <n>', 'how many seeds from --seed on, or a list such as 3,7,9')
    .option('--seed <n>', 'the first seed (default: 0)')
    .option('--steps <n>', 'training steps of each method')
    .option('--dense-steps <n>', 'training steps of the dense model that a seed’s methods share')
    .option('--batch <n>', 'sentences in a batch');
  encoderOptions(compareCommand)
    .option(
      '--threads <n>',
      'threads in all: worker processes, and threads of each where processes are fewer (default: one a core)',
    )
    .option('--out <dir>', 'the run folder, new or empty (default: runs/<time>-<task>)')
    .option('--dry-run', 'print the plan, its parameters, memory and time; run nothing')
    .addHelpText('after', () => `\nMethods:\n${methodHelp()}\n${compareExamples}`)
    .action((flags: CompareCommand) => act(flags, () => compare(flags, commandLine(argv), environment)));

  trainingCommands({ program, output, act, command: commandLine(argv), environment });

  tableCommand({ program, output, act, command: commandLine(argv), environment });

  output(program.command('report'))
    .description('draw report.html of a finished comparison again')
    .argument('<run>', 'the run folder')
    .addHelpText('after', '\nExample:\n  omoe report runs/2026-02-03-140509-embedded')
    .action((folder: string, flags: OutputFlags) => act(flags, () => report(folder, flags, environment)));

  output(program.command('doctor'))
    .description('what this machine and this version can run on')
    .addHelpText('after', '\nExample:\n  omoe doctor --json')
    .action((flags: OutputFlags) => act(flags, () => doctor(flags, environment)));

  output(program.command('conform'))
    .description('run the conformance kit on a backend: what is native, what laws hold, how far bounds are used')
    .requiredOption(
      '--backend <name>',
      'auto, wasm[:relaxed|plain][:THREADS], cpu, or gpujs[:webgpu|webgl2|webgl|headlessgl|webasm|cpu]',
    )
    .option('--runs <n>', 'draws of each property (default: 20)')
    .option('--seed <n>', 'of the draws (default: 1)')
    .option('--only <law>', 'a law, a pattern with *, an operation, or a section')
    .option('--dtype <dtype>', 'float32 or float64 (default: all that the backend holds)')
    .option('--path <path>', 'one failing draw, as a failure printed it')
    .addHelpText(
      'after',
      '\nExamples:\n  omoe conform --backend wasm:plain:2\n  omoe conform --backend gpujs:webasm --only matmul',
    )
    .action((flags: ConformFlags) => act(flags, () => conform(flags, environment)));

  const data = program.command('data').description('the tasks, their files, and checks of them');
  output(data.command('list'))
    .description('what tasks there are')
    .addHelpText('after', '\nExample:\n  omoe data list')
    .action((flags: OutputFlags) => act(flags, async () => dataList(flags, environment)));
  output(data.command('check'))
    .description('read the files of a task and say what is in them')
    .argument('<task>', 'a task of `omoe data list`')
    .requiredOption('--data <dir>', 'the folder of the task')
    .option('--vocab <file>', 'a BERT vocab.txt, to check the word pieces as well')
    .addHelpText('after', '\nExample:\n  omoe data check sst2 --data glue/SST-2')
    .action((task: string, flags: DataCheckFlags) => act(flags, () => dataCheck(task, flags, environment)));
  output(data.command('get'))
    .description('fetch the official files of a task, each held to its checksum')
    .argument('<task>', 'a task of `omoe data list`')
    .requiredOption('--out <dir>', 'the folder to put them into; what is there already is kept')
    .option('--accept-licence', 'the licence of the data, which is shown without this option, is accepted')
    .option('--host <address>', 'another server with the same paths')
    .addHelpText('after', '\nExample:\n  omoe data get cola --out glue/CoLA --accept-licence')
    .action((task: string, flags: DataGetFlags) => act(flags, () => dataGet(task, flags, environment)));
  output(data.command('sentences'))
    .description('the texts of the records that a task trains on, as plain text for `omoe pretrain --text`')
    .argument('<task>', 'a task of `omoe data list`')
    .requiredOption('--data <dir>', 'the folder of the task')
    .option('--out <file>', 'a new file (default: stdout)')
    .option('--limit <n>', 'the first n texts only')
    .option('--without <task=dir...>', 'leave out what these tasks are measured on, too')
    .addHelpText('after', sentencesExamples)
    .action((task: string, flags: DataSentencesFlags) => act(flags, () => dataSentences(task, flags, environment)));

  return program;
}

const methodHelp = () =>
  textTable(
    ['id', 'meaning'],
    methodTable.map(({ id, meaning }) => [id, meaning]),
  ).replaceAll(/^/gm, '  ');

const sentencesExamples = `
A text that the task is measured on, or that contains one of at least five words, is left out, which is said.

Examples:
  omoe data sentences mrpc --data glue/MRPC --out mrpc.txt
  omoe data sentences mrpc --data glue/MRPC --out mrpc.txt --without stsb=glue/STS-B rte=glue/RTE`;

const compareExamples = `
Examples:
  omoe compare
  omoe compare --methods adamw,omoe,omoe:side=input,combine=hard --seeds 5 --dry-run
  omoe compare --task sst2 --data glue/SST-2 --vocab vocab.txt --seeds 3,7,9 --steps 200`;
