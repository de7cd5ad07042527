import type { Spec } from '../backend.ts';
import { ShapeError, UsageError } from '../errors.ts';
import type { Op, VjpContext } from '../op.ts';
import { formatSpecs, requireFloat, requireOneDType } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { activationGradient, gelu, geluTanh, relu, silu } from './activation.ts';
import { ownerOfRows, requireOffsets } from './matmul.ts';

/** The linear maps of the feed-forward networks, product, bias and activation in one: for all rows, and by expert. */

const activations = { relu, gelu, geluTanh, silu };
export type Activation = keyof typeof activations;
export const activationNames = Object.keys(activations) as readonly Activation[];

export interface LinearAttrs {
  readonly activation: Activation | 'none';
}

/** @throws UsageError for a name that is none of them */
function requireActivation(operation: string, activation: string): void {
  if (activation !== 'none' && !Object.hasOwn(activations, activation))
    throw new UsageError({
      operation,
      received: `activation ${activation}`,
      expected: `one of none, ${activationNames.join(', ')}`,
    });
}

/** z alone where nothing is applied to it, else y = act(z) and z, which the gradient and the recorded statistics need. */
const inferOutputs = (z: Spec, { activation }: LinearAttrs): Spec[] => (activation === 'none' ? [z] : [z, z]);
const withActivation = (z: Tensor, { activation }: LinearAttrs): Tensor[] =>
  activation === 'none' ? [z] : [z[activation](), z];

/** ∂z = g_y act'(z) + g_z */
function gradientOfSum({ outputs, gradients, reached, attrs: { activation } }: VjpContext<LinearAttrs>): Tensor {
  if (activation === 'none' || !reached[0]) return gradients.at(-1)!;
  const [[y, z], [gy, gz]] = [outputs, gradients];
  const [through] = z.engine.run(activationGradient, [gy, z, y], { activation });
  return reached[1] ? through.add(gz) : through;
}

/**
 * x [row, in], w [in, out], b [out] -> [z] without activation, else [y, z];  z = x w + b,  y = act(z), both [row, out].
 * @throws ShapeError, DTypeError; UsageError for an unknown activation
 */
export const linear: Op<LinearAttrs> = {
  name: 'linear',
  kind: 'composite',
  infer([x, w, b], attrs) {
    requireActivation('linear', attrs.activation);
    requireFloat('linear', x);
    requireOneDType('linear', [x, w, b]);
    const fits = x.shape.length === 2 && w.shape.length === 2 && b.shape.length === 1;
    if (!fits || x.shape[1] !== w.shape[0] || b.shape[0] !== w.shape[1])
      throw new ShapeError({
        operation: 'linear',
        received: formatSpecs([x, w, b]),
        expected: 'x [row, in], w [in, out] and b [out]',
      });
    return inferOutputs({ shape: [x.shape[0], w.shape[1]], dtype: x.dtype }, attrs);
  },
  compose: ([x, w, b], attrs) => withActivation(x.matmul(w).add(b), attrs), // [row, in] · [in, out] -> [row, out]
  // ∂x = ∂z wᵀ,  ∂w = xᵀ ∂z,  ∂b = Σ_row ∂z
  vjp(context) {
    const [[x, w], dz] = [context.inputs, gradientOfSum(context)];
    return [
      dz.matmul(w.transpose()), // [row, out] · [out, in] -> [row, in]
      x.transpose().matmul(dz), // [in, row] · [row, out] -> [in, out]
      dz.sum([0]),
    ];
  },
};

/**
 * Rows sorted by expert, each through its own expert's linear map: x [row, in], w [expert, in, out], b [expert, out],
 * offsets int32 [expert + 1] -> [z] without activation, else [y, z];  z_r = x_r w_e + b_e for offsets[e] ≤ r < offsets[e + 1],
 * y = act(z), both [row, out]. Rows from offsets[experts] on belong to no expert: z and y are 0 there, whatever x holds.
 * @throws ShapeError, DTypeError; UsageError for an unknown activation
 */
export const groupedLinear: Op<LinearAttrs> = {
  name: 'groupedLinear',
  kind: 'composite',
  infer([x, w, b, offsets], attrs) {
    requireActivation('groupedLinear', attrs.activation);
    requireFloat('groupedLinear', x);
    requireOneDType('groupedLinear', [x, w, b]);
    const received = formatSpecs([x, w, b, offsets]);
    requireOffsets('groupedLinear', offsets, received);
    const fits = x.shape.length === 2 && w.shape.length === 3 && b.shape.length === 2;
    const [experts, input, output] = w.shape;
    if (!fits || x.shape[1] !== input || b.shape[0] !== experts || b.shape[1] !== output)
      throw new ShapeError({
        operation: 'groupedLinear',
        received,
        expected: 'x [row, in], w [expert, in, out] and b [expert, out]',
      });
    if (offsets.shape[0] !== experts + 1)
      throw new ShapeError({ operation: 'groupedLinear', received, expected: `offsets int32[${experts + 1}]` });
    return inferOutputs({ shape: [x.shape[0], output], dtype: x.dtype }, attrs);
  },
  compose([x, w, b, offsets], attrs) {
    const [rows, experts] = [x.shape[0], w.shape[0]];
    const product = x.groupedMatmul(w, offsets); // [row, in] · [expert, in, out] -> [row, out]
    if (rows === 0 || experts === 0) return withActivation(product, attrs);
    const { owner, owned } = ownerOfRows(offsets, rows, experts);
    const z = owned.expandDims(1).where(product.add(b.gather(owner, 0)), 0);
    return withActivation(z, attrs);
  },
  // As for `linear`, by expert: rows of nobody, where z does not depend on anything, are left out of all three.
  vjp(context) {
    const [[x, w, , offsets], dz] = [context.inputs, gradientOfSum(context)];
    const sums = x.engine.ones([x.shape[0], 1], x.dtype).groupedOuter(dz, offsets); // Σ_row [1] ⊗ [out] -> [expert, 1, out]
    return [
      dz.groupedMatmul(w.transpose(), offsets), // [row, out] · [expert, out, in] -> [row, in]
      x.groupedOuter(dz, offsets), // Σ_row [in] ⊗ [out] -> [expert, in, out]
      sums.squeeze(1),
      null,
    ];
  },
};
