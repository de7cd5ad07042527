// The program of one worker process of `omoe compare`; started by src/train/pool.ts, never by hand.
import { readFile } from 'node:fs/promises';
import { type TrainContext, trainDense, trainMethod } from '../train/compare.ts';
import { createEngine } from './backends.ts';
import { serveJobs } from './serve.ts';

const withFiles = (context: TrainContext): TrainContext => ({ ...context, read: readFile });

serveJobs(
  {
    trainDense: (plan, seed, context) => trainDense(plan, seed, withFiles(context)),
    trainMethod: (plan, seed, method, dense, context) => trainMethod(plan, seed, method, dense, withFiles(context)),
  },
  createEngine,
);
