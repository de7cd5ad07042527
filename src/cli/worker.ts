// The program of one worker process of `omoe compare`; started by src/train/pool.ts, never by hand.
import { trainDense, trainMethod } from '../train/compare.ts';
import { createEngine } from './backends.ts';
import { serveJobs } from './serve.ts';

serveJobs({ trainDense, trainMethod }, createEngine);
