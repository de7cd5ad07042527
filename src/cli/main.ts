#!/usr/bin/env node
import { availableParallelism } from 'node:os';
import { nodeEnvironment } from './environment.ts';
import { run } from './program.ts';

// `omoe … | head` closes our output early; that is the reader's right and no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

// Nobody reads the progress any more (a closed pipe, a terminal that is gone): the numbers go on without it.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
});

process.exitCode = await run(process.argv.slice(2), nodeEnvironment(availableParallelism()));
