import type { Case } from '../case.ts';
import { encoderStep } from './encoder-step.ts';
import { encoderFeed, encoderTrain } from './encoder-train.ts';
import { attention, layerNorm, linearGelu, softmax } from './layers.ts';
import { matmul, skinny } from './matmul.ts';
import { moeExperts, moeStep, moeTokens } from './moe-step.ts';
import { omoeSteps } from './omoe-step.ts';
import { phaseStart } from './phase-start.ts';
import { gate, groupedMatmul, groupedOuter } from './routing.ts';
import { adamw, projectDense, projectFactored } from './updates.ts';

/** A case is its object and its word here. */
export const cases = [
  ...[matmul, skinny, linearGelu, softmax, layerNorm, attention, gate, groupedMatmul, groupedOuter],
  ...[projectDense, projectFactored, adamw],
  ...[moeStep, moeTokens, moeExperts, encoderStep, encoderTrain, encoderFeed, ...omoeSteps, phaseStart],
] as readonly unknown[] as readonly Case[];

/** @throws Error for a name that no case has */
export function caseOf(name: string): Case {
  const found = cases.find((each) => each.name === name);
  if (!found) throw new Error(`no case ${name}: ${cases.map((each) => each.name).join(', ')}`);
  return found;
}
