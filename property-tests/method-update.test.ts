import { describe } from 'vitest';
import { updateLaws } from './laws/update.ts';
import { runLaws } from './method-runner.ts';

/** The update laws of `omoe` (4, 5) on the CPU backend. */
describe('update', () => runLaws(updateLaws, 30));
