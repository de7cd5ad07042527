import { describe } from 'vitest';
import { dispatchLaws } from './laws/dispatch.ts';
import { gateLaws } from './laws/gate.ts';
import { lossLaws } from './laws/losses.ts';
import { runLaws } from './method-runner.ts';

/** The laws of gate, dispatch, layer and losses (METHOD §8: 7, 8, 10, 11) on the CPU backend. */
describe('gate', () => runLaws(gateLaws, 60));
describe('dispatch and layer', () => runLaws(dispatchLaws, 60));
describe('losses', () => runLaws(lossLaws, 60));
