import type { BinaryKind, ReduceKind, UnaryKind } from '../../src/backend.ts';
import type { PrimitiveName } from '../../src/op.ts';
import type { CompositeName, views } from '../../src/ops/index.ts';
import { attentionCases } from './attention.ts';
import type { OperationCase } from './case.ts';
import { contractions } from './contractions.ts';
import { elementwise } from './elementwise.ts';
import { gradientCases } from './gradients.ts';
import { linearCases } from './linear.ts';
import { normalisations } from './normalize.ts';
import { optimizerSteps } from './optimizer-steps.ts';
import { orderCases } from './order.ts';
import { orthogonalUpdates } from './orthogonal-update.ts';
import { placement } from './placement.ts';
import { reductionCases } from './reduce.ts';
import { routing } from './routing.ts';
import { routingGradients } from './routing-gradients.ts';
import { training } from './training.ts';
import { viewCases } from './views.ts';

type ByKind = UnaryKind | BinaryKind | ReduceKind;
/** Methods of the engine and of tensors that are a few operations in one line. */
type Derived = 'dropout' | 'stack' | 'flip' | 'transpose' | 'expandDims' | 'squeeze';

export type OperationName =
  | ByKind
  | Exclude<PrimitiveName, 'unary' | 'binary' | 'reduce'>
  | CompositeName
  | keyof typeof views
  | Derived;

/** One case for every operation; an operation without one does not compile. */
export const operations: { readonly [K in OperationName]: OperationCase } = {
  ...elementwise,
  ...reductionCases,
  ...contractions,
  ...linearCases,
  ...normalisations,
  ...gradientCases,
  ...attentionCases,
  ...orderCases,
  ...placement,
  ...viewCases,
  ...routing,
  ...routingGradients,
  ...optimizerSteps,
  ...orthogonalUpdates,
  ...training,
};

export const operationNames = Object.keys(operations) as OperationName[];
