import { describe } from 'vitest';
import { dispatchLaws } from './laws/dispatch.ts';
import { gateLaws } from './laws/gate.ts';
import { lossLaws } from './laws/losses.ts';
import { projectorLaws } from './laws/projectors.ts';
import { runLaws } from './method-runner.ts';

/** The laws of projectors, gate, dispatch, layer and losses (1–3, 7, 8, 10, 11) on the CPU backend. */
describe('gate', () => runLaws(gateLaws, 60));
describe('dispatch and layer', () => runLaws(dispatchLaws, 60));
describe('losses', () => runLaws(lossLaws, 60));
describe('projectors', () => runLaws(projectorLaws, 150, ['float64']));
