import { describe } from 'vitest';
import { cycleLaws } from './laws/cycle.ts';
import { optimizerLaws } from './laws/optimizers.ts';
import { permutationLaws } from './laws/permutation.ts';
import { runLaws } from './method-runner.ts';

/** Whole cycles against the definition (law 10), and what they leave alone (6), on the CPU backend. */
describe('cycle', () => runLaws(cycleLaws, 60, ['float64']));
describe('permutation', () => runLaws(permutationLaws, 40));
describe('optimizers', () => runLaws(optimizerLaws, 60));
