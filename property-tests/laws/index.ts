import type { Subject } from '../kit/settings.ts';
import { composedEqualsNative } from './composition.ts';
import { errorLaws } from './errors.ts';
import {
  composedGradientEqualsDifference,
  composedSecondDerivatives,
  gradientEqualsDifference,
  secondDerivatives,
} from './gradients.ts';
import { hostileEqualsDefinition, hostileStatements } from './hostile.ts';
import { inFloat64, type Law } from './law.ts';
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
  ...inFloat64([
    ...gradientEqualsDifference,
    ...composedGradientEqualsDifference,
    ...secondDerivatives,
    ...composedSecondDerivatives,
    ...checkpointEqualsPlain,
  ]),
  ...transformationLaws,
  ...storageLaws,
  ...hostileEqualsDefinition,
  ...hostileStatements,
  ...errorLaws,
];

/** Those that speak of the subject's precision. */
export const lawsFor = ({ dtype }: Subject): Law[] => operationLaws.filter(({ only }) => (only ?? dtype) === dtype);
