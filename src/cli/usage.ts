import type { Command, CommanderError } from 'commander';
import { UsageError } from '../errors.ts';

/**
 * commander's complaint about a command line, in the form of every other error, with a pointer to the help.
 *
 * @param program the program that read the command line
 */
export function usageErrorOf(error: CommanderError, program: Command, argv: readonly string[]): UsageError {
  const command = commandOf(program, argv);
  const path = pathOf(command);
  const [line, suggestion] = error.message.replace(/^error: /, '').split('\n');
  return new UsageError({
    operation: path.slice(1).join(' ') || 'omoe',
    ...complaintOf(error.code, line, command),
    advice: [suggestion?.replace(/^\((.*)\)$/, '$1'), `See ${path.join(' ')} --help.`].filter(Boolean).join(' '),
  });
}

function complaintOf(code: string, line: string, command: Command): { received: string; expected: string } {
  // commander quotes the one word that matters.
  const name = /'([^']*)'/.exec(line)?.[1] ?? '';
  switch (code) {
    case 'commander.unknownOption':
      return { received: `the unknown option ${name}`, expected: 'an option of this command' };
    case 'commander.unknownCommand':
      return { received: `the unknown command "${name}"`, expected: commandNames(command) };
    case 'commander.help':
      return { received: 'no command', expected: commandNames(command) };
    case 'commander.missingArgument':
      return { received: `no <${name}>`, expected: 'this argument' };
    case 'commander.missingMandatoryOptionValue':
      return { received: `no ${name}`, expected: 'this option' };
    case 'commander.optionMissingArgument':
      return { received: `${name} without its value`, expected: 'a value' };
    case 'commander.excessArguments':
      return { received: `too many arguments: ${command.args.join(' ')}`, expected: argumentNames(command) };
    default:
      return { received: line, expected: 'a command line as the help describes it' };
  }
}

/** The command that the leading words name, as far as they name one. */
function commandOf(program: Command, argv: readonly string[]): Command {
  const next = program.commands.find((command) => command.name() === argv[0]);
  return next === undefined ? program : commandOf(next, argv.slice(1));
}

const pathOf = (command: Command): string[] => [...(command.parent ? pathOf(command.parent) : []), command.name()];

const commandNames = (command: Command) => `one of ${command.commands.map((known) => known.name()).join(', ')}`;

const argumentNames = ({ registeredArguments }: Command) =>
  registeredArguments.length === 0 ? 'none' : registeredArguments.map((argument) => `<${argument.name()}>`).join(' ');
