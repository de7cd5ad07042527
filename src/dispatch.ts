import type { Backend, Declined, Kernel, Spec, View } from './backend.ts';
import { DTypeError, OmoeError } from './errors.ts';
import { methodOf, type Op } from './op.ts';
import { contiguousStrides } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** How often an operation ran on a kernel of the backend, how often as its composition, and why kernels declined. */
export interface TraceLine {
  readonly op: string;
  readonly native: number;
  readonly composed: number;
  readonly declined: readonly string[];
}

/** What ran where since the last `clear`. Nothing falls back without a line here. */
export class Trace {
  readonly #lines = new Map<string, { native: number; composed: number; declined: Set<string> }>();

  #line(op: string) {
    const line = this.#lines.get(op) ?? { native: 0, composed: 0, declined: new Set<string>() };
    this.#lines.set(op, line);
    return line;
  }
  native(op: string): void {
    this.#line(op).native++;
  }
  composed(op: string, reason?: string): void {
    const line = this.#line(op);
    line.composed++;
    if (reason !== undefined) line.declined.add(reason);
  }
  lines(): TraceLine[] {
    return [...this.#lines].map(([op, line]) => ({ op, ...line, declined: [...line.declined] }));
  }
  clear(): void {
    this.#lines.clear();
  }
}

export interface DispatchContext {
  readonly backend: Backend;
  /** False: compositions run even where a kernel exists; the tests compare the two. */
  readonly native: boolean;
  readonly trace: Trace;
  /** Makes a handle of a view of a buffer that somebody owns. */
  wrap(view: View): Tensor;
  /** Makes a handle of a fresh buffer, and owns it. */
  own(view: View): Tensor;
  /** A tensor as a handle of the engine or region that the results belong to. */
  adopt(tensor: Tensor): Tensor;
}

const isDeclined = (result: readonly unknown[] | Declined): result is Declined => 'declined' in result;

/**
 * Runs an operation on concrete tensors: a view is computed here, a primitive or a composite with a kernel goes to the
 * backend, everything else becomes its composition. All shape errors are thrown by `infer`, before any work.
 */
export function dispatch<Attrs>(
  context: DispatchContext,
  op: Op<Attrs>,
  inputs: readonly Tensor[],
  attrs: Attrs,
): readonly Tensor[] {
  const outputs = op.infer(inputs, attrs);
  for (const { dtype } of outputs)
    if (!context.backend.dtypes.includes(dtype)) requireSupported(context.backend, methodOf(op, attrs), dtype);

  if (op.view) {
    const view = op.view(inputs[0].view!, attrs);
    return view ? [context.wrap(view)] : dispatch(context, op, [context.adopt(inputs[0]).copy()], attrs);
  }

  const kernels = context.backend.kernels as Readonly<Record<string, Kernel<unknown, Attrs> | undefined>>;
  const kernel = op.kind === 'primitive' || context.native ? kernels[op.name] : undefined;
  let reason: string | undefined;
  if (kernel) {
    const result = kernel(
      inputs.map((input) => input.view!),
      attrs,
      outputs,
    );
    if (!isDeclined(result)) {
      if (result.length !== outputs.length)
        throw faulty(context, op.name, `${result.length} buffers`, `${outputs.length}, one for each output`);
      context.trace.native(op.name);
      return result.map((buffer, i) => context.own(contiguousView(buffer, outputs[i])));
    }
    reason = result.declined;
  }
  if (!op.compose) throw faulty(context, op.name, reason ?? 'no kernel', 'a kernel that serves every call');
  context.trace.composed(op.name, reason);
  try {
    return op.compose(inputs.map(context.adopt), attrs);
  } catch (error) {
    throw withinComposition(methodOf(op, attrs), error);
  }
}

/** What refuses data within a composition is named together with the operation that was asked for. */
function withinComposition(operation: string, error: unknown): unknown {
  if (!(error instanceof OmoeError) || error.complaint.operation === operation) return error;
  const { complaint } = error;
  const named = { ...complaint, operation: `${operation}, composed: ${complaint.operation}` };
  return new (error.constructor as typeof OmoeError)(named, { cause: error });
}

const faulty = ({ backend }: DispatchContext, operation: string, received: string, expected: string) =>
  new OmoeError({
    operation: `${operation} on the ${backend.name} backend`,
    received,
    expected,
    advice: 'The backend breaks its contract (src/backend.ts).',
  });

const contiguousView = (buffer: unknown, { shape, dtype }: Spec): View => ({
  buffer,
  shape,
  dtype,
  strides: contiguousStrides(shape),
  offset: 0,
});

export function requireSupported(backend: Backend, operation: string, dtype: Spec['dtype']): void {
  if (!backend.dtypes.includes(dtype))
    throw new DTypeError({
      operation,
      received: `the dtype ${dtype}`,
      expected: `a dtype that the ${backend.name} backend holds: ${backend.dtypes.join(', ')}`,
    });
}
