import { composedEqualsNative } from './composition.ts';
import { errorLaws } from './errors.ts';
import { gradientLaws } from './gradients.ts';
import { hostileEqualsDefinition, hostileStatements, plainStatements } from './hostile.ts';
import { kernelLaws } from './kernels.ts';
import type { Law } from './law.ts';
import { limitLaws } from './limits.ts';
import { memoryLaws } from './memory.ts';
import { methodSections } from './method.ts';
import { castsBetweenFloats, equalsDefinition, inputsUntouched, repeats } from './operations.ts';
import { orderLaws } from './order.ts';
import { storageLaws } from './storage.ts';
import { stridedEqualsContiguous } from './strides.ts';
import { checkpointEqualsPlain, transformationLaws } from './transformations.ts';

/** All laws, under the headings under which they are run and reported. */

export interface Section {
  readonly title: string;
  readonly laws: readonly Law[];
}

export const operationSections: readonly Section[] = [
  { title: 'storage', laws: [...storageLaws, ...limitLaws] },
  { title: 'issue order', laws: orderLaws },
  { title: 'memory', laws: memoryLaws },
  { title: 'operations', laws: [...equalsDefinition, castsBetweenFloats, ...inputsUntouched, ...plainStatements] },
  { title: 'layouts', laws: stridedEqualsContiguous },
  { title: 'kernels', laws: [...kernelLaws, ...composedEqualsNative] },
  { title: 'repeatability', laws: repeats },
  { title: 'gradients', laws: [...gradientLaws, ...checkpointEqualsPlain, ...transformationLaws] },
  { title: 'special values', laws: [...hostileEqualsDefinition, ...hostileStatements] },
  { title: 'errors', laws: errorLaws },
];

export const sections: readonly Section[] = [...operationSections, ...methodSections];
