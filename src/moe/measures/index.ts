/** Measures of how alike the experts are and of how the router spreads its tokens; all on host arrays, in Float64. */
export { type DebiasedPairMeasure, debiasedCka, linearCka } from './cka.ts';
export { outputCosine, weightCosine, weightDeltaCosine } from './cosine.ts';
export type { ExpertOutputs } from './outputs.ts';
export type { PairMeasure } from './pairs.ts';
export { effectiveRank, type OutputRank, outputEffectiveRank } from './rank.ts';
export { type RoutingMeasures, type RoutingRecord, routingMeasures } from './routing.ts';
export { type ExpertAssignment, normalizedMutualInformation, specialisation } from './specialisation.ts';
export { principalAngles, type SubspaceOverlap, subspaceOverlap } from './subspace.ts';
