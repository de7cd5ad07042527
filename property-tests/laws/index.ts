import { composedEqualsNative } from './composition.ts';
import {
  composedGradientEqualsDifference,
  composedSecondDerivatives,
  gradientEqualsDifference,
  secondDerivatives,
} from './gradients.ts';
import { hostileEqualsDefinition } from './hostile.ts';
import type { Law } from './law.ts';
import { castsBetweenFloats, equalsDefinition, repeats } from './operations.ts';
import { storageLaws } from './storage.ts';
import { stridedEqualsContiguous } from './strides.ts';
import { checkpointEqualsPlain, transformationLaws } from './transformations.ts';

/** All laws of the tensor operations. */
export const operationLaws: readonly Law[] = [
  ...equalsDefinition,
  castsBetweenFloats,
  ...stridedEqualsContiguous,
  ...composedEqualsNative,
  ...repeats,
  ...gradientEqualsDifference,
  ...composedGradientEqualsDifference,
  ...secondDerivatives,
  ...composedSecondDerivatives,
  ...checkpointEqualsPlain,
  ...transformationLaws,
  ...storageLaws,
  ...hostileEqualsDefinition,
];
