import fc from 'fast-check';
import type { Backend } from '../../src/backend.ts';
import { composites, views } from '../../src/ops/index.ts';
import { contiguous } from '../arbitraries/layouts.ts';
import type { FloatType } from '../arbitraries/values.ts';
import { mapInputs } from '../laws/law.ts';
import type { Call } from '../operations/case.ts';
import { type OperationName, operationNames, operations } from '../operations/index.ts';
import type { Making } from './run.ts';
import { subjectOn } from './subject.ts';

/** How each operation is served: by a kernel of the backend or as its composition, seen in the trace and not taken on trust. */
export interface Capability {
  readonly operation: OperationName;
  /**
   * `native`: every plain call ran on the backend's kernel. `partly`: some did. `declined`: there is a kernel, and it served
   * none. `composed`: there is no kernel. `view`: no element moves, no backend is asked. `derived`: a few operations in one line.
   */
  readonly how: 'native' | 'partly' | 'declined' | 'composed' | 'view' | 'derived';
  /** Calls that ran on the kernel, and those that ran as the composition. */
  readonly native: number;
  readonly composed: number;
  /** Why kernels declined. */
  readonly declined: readonly string[];
}

const derived = ['dropout', 'stack', 'flip', 'transpose', 'expandDims', 'squeeze'];

/** Calls on contiguous tensors that hold something. */
export function plainCalls(operation: OperationName, dtype: FloatType, runs: number, seed: number): Call[] {
  return fc
    .sample(operations[operation].calls(dtype), { numRuns: 10 * runs, seed })
    .filter(({ inputs }) => Object.values(inputs).every((x) => x.size > 0))
    .slice(0, runs);
}

/** What is enough to meet shapes that a kernel takes and shapes that it does not. */
const calls = 20;

/** Runs plain calls of a composite, and says how they were served. A call that throws counts as neither: laws speak of it. */
export function served(
  operation: OperationName,
  backend: Backend,
  dtype: FloatType,
  { seed = 1, make }: { readonly seed?: number } & Making = {},
): Pick<Capability, 'native' | 'composed' | 'declined'> {
  const subject = subjectOn(backend, dtype, make);
  const t = subject.engine();
  const reasons = new Set<string>();
  let [native, composed] = [0, 0];
  for (const call of plainCalls(operation, dtype, calls, seed)) {
    t.clearTrace();
    try {
      const inputs = mapInputs(call.inputs, (x) => contiguous(t, x));
      call.run(t, inputs);
    } catch {
      continue;
    } finally {
      subject.release();
    }
    const line = t.trace().find(({ op }) => op === operation);
    if (line?.native) native++;
    else composed++;
    for (const reason of line?.declined ?? []) reasons.add(reason);
  }
  return { native, composed, declined: [...reasons] };
}

function capability(operation: OperationName, backend: Backend, dtype: FloatType): Capability {
  const none = { native: 0, composed: 0, declined: [] };
  if (operation in views) return { operation, how: 'view', ...none };
  if (derived.includes(operation)) return { operation, how: 'derived', ...none };
  // primitives cannot decline
  if (!(operation in composites)) return { operation, how: 'native', ...none };
  const seen = served(operation, backend, dtype);
  const kernel = operation in backend.kernels;
  const how = seen.composed === 0 ? 'native' : seen.native > 0 ? 'partly' : kernel ? 'declined' : 'composed';
  return { operation, how, ...seen };
}

/** The capability table of a backend, in the order of the operations. */
export const capabilities = (backend: Backend, dtype: FloatType): Capability[] =>
  operationNames.map((operation) => capability(operation, backend, dtype));
