/** The command that repeats a call, quoted for a shell. @param argv what follows the program's name */
export const commandLine = (argv: readonly string[]) =>
  ['npx', 'omoe', ...argv]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
