import type { CpuBuffer } from '../../backends/cpu/index.ts';
import type { View } from '../../src/backend.ts';
import { geluTanh as geluTanhRecord } from '../../src/ops/activation.ts';
import { softmax as softmaxRecord } from '../../src/ops/normalize.ts';
import type { Tensor } from '../../src/tensor.ts';
import {
  change,
  eachRow,
  type Fault,
  type Inputs,
  rewrite,
  rowMajor,
  withKernels,
  withRecord,
} from './faulty-engine.ts';

/** Deliberate faults of a backend or of an operation's record, one at a time, each of the kind that people really make. */

const definition = 'law 10, equals its definition';
const strided = 'strided equals contiguous';
const repeated = 'repeated equals contiguous';
const gradient = 'law 9, gradient equals the central difference';

/** Offsets that give what nobody owns to the last expert. */
function ownedThroughout(offsets: View<CpuBuffer>, rows: number): View<CpuBuffer> {
  const ends = Int32Array.from(
    { length: offsets.shape[0] },
    (_, i) => offsets.buffer.data[offsets.offset + i * offsets.strides[0]],
  );
  if (ends.length > 1) ends[ends.length - 1] = rows;
  return { ...offsets, buffer: { ...offsets.buffer, data: ends }, strides: [1], offset: 0 };
}

const firstColumn = (x: Tensor): Tensor => x.slice([0, 1], 1).reshape([x.shape[0]]);

export const faults: readonly Fault[] = [
  {
    name: 'copy ignores strides',
    operation: 'copy',
    caughtBy: strided,
    dtype: 'float32',
    on: withKernels(({ copy }) => ({ copy: ([x]: Inputs, ...rest) => copy([rowMajor(x)], ...rest) })),
  },
  {
    name: 'matmul takes a repeated row of its second factor for the end of it',
    operation: 'matmul',
    caughtBy: repeated,
    dtype: 'float32',
    on: withKernels(({ matmul, fill }) => ({
      matmul: ([a, b]: Inputs, attrs, outputs) =>
        b.strides.at(-2) === 0 && b.strides.at(-1) === 1 && b.shape.at(-2)! > 1
          ? fill([], { value: 0 }, outputs)
          : matmul!([a, b], attrs, outputs),
    })),
  },
  {
    name: 'add ignores the strides of its second operand',
    operation: 'add',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ binary }) => ({ binary: ([a, b]: Inputs, ...rest) => binary([a, rowMajor(b)], ...rest) })),
  },
  {
    name: 'exp ignores the offset',
    operation: 'exp',
    caughtBy: strided,
    dtype: 'float32',
    on: withKernels(({ unary }) => ({
      unary: ([x]: Inputs, ...rest) => unary([{ ...x, offset: Math.max(0, x.offset - 1) }], ...rest),
    })),
  },
  {
    name: 'sum reduces the axis before',
    operation: 'sum',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ reduce }) => ({
      reduce: ([x], attrs, outputs) => {
        // only where the shape of the result hides it
        const [axis] = attrs.axes;
        const hidden = attrs.axes.length === 1 && axis > 0 && x.shape[axis - 1] === x.shape[axis];
        return reduce([x], hidden ? { ...attrs, axes: [axis - 1] } : attrs, outputs);
      },
    })),
  },
  {
    name: 'max of numbers below zero starts at 0',
    operation: 'max',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ reduce }) => ({
      reduce: (inputs, attrs, outputs) =>
        change(reduce(inputs, attrs, outputs), (data) => {
          if (attrs.kind === 'max') rewrite(data, (value) => Math.max(0, value));
        }) as readonly CpuBuffer[],
    })),
  },
  {
    name: 'topK breaks ties to the highest index',
    operation: 'topK',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ topK }) => ({
      topK: (inputs, attrs, outputs) =>
        change(topK!(inputs, attrs, outputs), (values, indices) => {
          const { k } = attrs;
          for (let row = 0; row < values.length; row += k)
            for (let i = row; i + 1 < row + k; i++)
              if (values[i] === values[i + 1]) [indices[i], indices[i + 1]] = [indices[i + 1], indices[i]];
        }),
    })),
  },
  {
    name: 'sort is not stable',
    operation: 'sort',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ sort }) => ({
      sort: (inputs, attrs, outputs) =>
        change(sort!(inputs, attrs, outputs), (values, order) => {
          for (let i = 0; i + 1 < values.length; i++)
            if (values[i] === values[i + 1] && order[i] < order[i + 1])
              [order[i], order[i + 1]] = [order[i + 1], order[i]];
        }),
    })),
  },
  {
    name: 'argmax takes NaN for small',
    operation: 'argmax',
    caughtBy: ['hostile floats, equals its definition', 'hostile floats: NaN is the greatest to argmax'],
    dtype: 'float32',
    on: withKernels(({ argmax, unary }) => ({
      argmax: ([x], attrs, outputs) => {
        const [buffer] = unary([x], { kind: 'negative' }, [x]) as readonly CpuBuffer[];
        rewrite(buffer.data, (value) => (Number.isNaN(value) ? -Infinity : -value));
        return argmax!([{ ...rowMajor(x), buffer, offset: 0 }], attrs, outputs);
      },
    })),
  },
  {
    name: 'matmul leaves out the last term of each product',
    operation: 'matmul',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ matmul }) => ({
      matmul: ([a, b], attrs, outputs) => {
        const inner = a.shape.at(-1)!;
        if (inner < 2) return matmul!([a, b], attrs, outputs);
        const shorter = (x: View<CpuBuffer>, axis: number) => ({ ...x, shape: x.shape.with(axis, inner - 1) });
        return matmul!([shorter(a, -1), shorter(b, -2)], attrs, outputs);
      },
    })),
  },
  {
    name: 'matmul rounds to 20 bits',
    operation: 'matmul',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ matmul }) => ({
      matmul: (inputs, attrs, outputs) =>
        change(matmul!(inputs, attrs, outputs), (data) => {
          const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
          rewrite(bits, (pattern) => pattern & ~0xf);
        }),
    })),
  },
  {
    name: 'groupedMatmul gives rows of nobody to the last expert',
    operation: 'groupedMatmul',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ groupedMatmul }) => ({
      groupedMatmul: ([x, w, offsets], attrs, outputs) =>
        groupedMatmul!([x, w, ownedThroughout(offsets, x.shape[0])], attrs, outputs),
    })),
  },
  {
    name: 'groupedLinear takes the bias of the first expert for all',
    operation: 'groupedLinear',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ groupedLinear }) => ({
      groupedLinear: ([x, w, b, offsets], attrs, outputs) =>
        groupedLinear!([x, w, { ...b, strides: [0, b.strides[1]] }, offsets], attrs, outputs),
    })),
  },
  {
    name: 'moeCombine adds what stands in the rows of nobody',
    operation: 'moeCombine',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ moeCombine }) => ({
      moeCombine: ([rows, gates, rowOfSlot, tokenOfRow, slotOfRow, offsets], attrs, outputs) => {
        const all = ownedThroughout(offsets, rows.shape[0]);
        return moeCombine!([rows, gates, rowOfSlot, tokenOfRow, slotOfRow, all], attrs, outputs);
      },
    })),
  },
  {
    name: 'planDispatch counts as load what is served',
    operation: 'planDispatch',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ planDispatch }) => ({
      planDispatch: (inputs, attrs, outputs) =>
        change(planDispatch!(inputs, attrs, outputs), (...tables) => {
          const [offsets, load] = tables.slice(-2);
          rewrite(load, (_, e) => offsets[e + 1] - offsets[e]);
        }),
    })),
  },
  {
    name: 'topKGateGradient takes all gates for renormalised',
    operation: 'topKGateGradient',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ topKGateGradient }) => ({
      topKGateGradient: (inputs, _, outputs) => topKGateGradient!(inputs, { renormalize: true }, outputs),
    })),
  },
  {
    name: 'moeDispatchGradient takes the first slot alone',
    operation: 'moeDispatchGradient',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ moeDispatchGradient }) => ({
      moeDispatchGradient: ([g, { shape, ...rowOfSlot }], attrs, outputs) =>
        moeDispatchGradient!([g, { ...rowOfSlot, shape: [shape[0], Math.min(1, shape[1])] }], attrs, outputs),
    })),
  },
  {
    name: 'moeCombineGradient lets something flow to the rows of nobody',
    operation: 'moeCombineGradient',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ moeCombineGradient }) => ({
      moeCombineGradient: (inputs, attrs, outputs) => {
        const all = ownedThroughout(inputs[6], inputs[0].shape[0]);
        return moeCombineGradient!([...inputs.slice(0, 6), all], attrs, outputs);
      },
    })),
  },
  {
    name: 'adamwStep decays all parameters as the first',
    operation: 'adamwStep',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ adamwStep }) => ({
      adamwStep: (inputs, { weightDecays, ...attrs }, outputs) =>
        adamwStep!(inputs, { ...attrs, weightDecays: weightDecays.map(() => weightDecays[0]) }, outputs),
    })),
  },
  {
    name: 'sgdStep with Nesterov does not look ahead',
    operation: 'sgdStep',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ sgdStep }) => ({
      sgdStep: (inputs, attrs, outputs) => sgdStep!(inputs, { ...attrs, nesterov: false }, outputs),
    })),
  },
  {
    name: 'softmax without the shift by the maximum',
    operation: 'softmax',
    caughtBy: [definition, 'stated: softmax of large numbers does not overflow'],
    dtype: 'float32',
    on: withKernels(({ softmax, copy }) => ({
      softmax: ([x], attrs, outputs) =>
        attrs.axis !== x.shape.length - 1
          ? softmax!([x], attrs, outputs)
          : change(copy([x], {}, outputs), (data) =>
              eachRow(data, x, (row) => {
                const e = Array.from(row, Math.exp);
                const sum = e.reduce((total, value) => total + value, 0);
                row.set(e.map((value) => value / sum));
              }),
            ),
    })),
  },
  {
    name: 'layerNorm with the unbiased variance',
    operation: 'layerNorm',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ layerNorm, copy }) => ({
      layerNorm: ([x, weight, bias], { epsilon }, outputs) => {
        const n = x.shape.at(-1)!;
        if (n < 2) return layerNorm!([x, weight, bias], { epsilon }, outputs);
        const at = (p: View<CpuBuffer>, i: number) => p.buffer.data[p.offset + i * p.strides[0]];
        return change(copy([x], {}, outputs), (data) =>
          eachRow(data, x, (row) => {
            const values = Array.from(row);
            const mean = values.reduce((sum, value) => sum + value, 0) / n;
            const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
            const deviation = Math.sqrt(variance + epsilon);
            rewrite(row, (value, i) => ((value - mean) / deviation) * at(weight, i) + at(bias, i));
          }),
        );
      },
    })),
  },
  {
    name: 'gather takes the next slice',
    operation: 'gather',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ gather }) => ({
      gather: ([x, indices], attrs, outputs) => {
        const size = x.shape[attrs.axis];
        const list = Int32Array.from({ length: indices.shape[0] }, (_, i) => {
          const index = indices.buffer.data[indices.offset + i * indices.strides[0]];
          return index + 1 < size ? index + 1 : index;
        });
        const buffer: CpuBuffer = { ...indices.buffer, data: list };
        return gather([x, { ...indices, buffer, strides: [1], offset: 0 }], attrs, outputs);
      },
    })),
  },
  {
    name: 'scatterAdd overwrites where an index repeats',
    operation: 'scatterAdd',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ scatterAdd }) => ({
      scatterAdd: ([x, indices, updates], attrs, outputs) => {
        const at = (i: number) => indices.buffer.data[indices.offset + i * indices.strides[0]];
        const kept = Array.from({ length: indices.shape[0] }, (_, i) => i).filter(
          (i) => !Array.from({ length: indices.shape[0] - i - 1 }, (_, j) => at(i + 1 + j)).includes(at(i)),
        );
        // the last of the equal indices alone, by a vector of positions
        const stride = updates.strides[attrs.axis];
        let result: readonly CpuBuffer[] = [];
        let target = x;
        for (const i of kept) {
          const one = { ...updates, shape: updates.shape.with(attrs.axis, 1), offset: updates.offset + i * stride };
          const place = { ...indices, shape: [1], offset: indices.offset + i * indices.strides[0] };
          result = scatterAdd([target, place, one], attrs, outputs) as readonly CpuBuffer[];
          target = { ...rowMajor(x), buffer: result[0], offset: 0 };
        }
        return kept.length === 0 ? scatterAdd([x, indices, updates], attrs, outputs) : result;
      },
    })),
  },
  {
    name: 'cumsum leaves out the element itself',
    operation: 'cumsum',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ cumsum, binary }) => ({
      cumsum: ([x], attrs, outputs) => {
        const [buffer] = cumsum!([x], attrs, outputs) as readonly CpuBuffer[];
        return binary([{ ...rowMajor(x), buffer, offset: 0 }, x], { kind: 'subtract' }, outputs);
      },
    })),
  },
  {
    name: 'relu writes into its input',
    operation: 'relu',
    caughtBy: 'inputs are never written to',
    dtype: 'float32',
    on: withKernels(({ relu }) => ({
      relu: ([x], attrs, outputs) => {
        const result = relu!([x], attrs, outputs);
        rewrite(x.buffer.data, (value) => Math.max(0, value));
        return result;
      },
    })),
  },
  {
    name: 'one random bit in sums',
    operation: 'sum',
    caughtBy: 'repeats bit for bit',
    dtype: 'float64',
    on: withKernels(({ reduce }) => {
      let calls = 0;
      return {
        reduce: (inputs, attrs, outputs) =>
          change(reduce(inputs, attrs, outputs), (data) => {
            calls++;
            if (data instanceof Float64Array) rewrite(data, (value) => value * (1 + (calls % 2) * 2 ** -52));
          }) as readonly CpuBuffer[],
      };
    }),
  },
  {
    name: 'the composition of softplus overflows',
    operation: 'softplus',
    caughtBy: 'composition equals kernel and definition',
    dtype: 'float32',
    on: withRecord('softplus', (op) => ({ ...op, compose: ([x]) => [x.exp().add(1).log()] })),
  },
  {
    name: 'the gradient of softmax has the wrong sign',
    operation: 'softmax',
    caughtBy: gradient,
    dtype: 'float64',
    on: withRecord('softmax', (op) => ({
      ...op,
      vjp: ({ inputs, outputs, gradients }) =>
        softmaxRecord.vjp!({ inputs, outputs, gradients, reached: [true], attrs: { axis: inputs[0].rank - 1 } }).map(
          (g) => g!.negative(),
        ),
    })),
  },
  {
    name: 'the gradient of linear loses what flows to z',
    operation: 'linear',
    caughtBy: gradient,
    dtype: 'float64',
    on: withRecord('linear', (op) => ({
      ...op,
      vjp: (context) => {
        const [y, z] = context.gradients;
        return op.vjp!({ ...context, gradients: z ? [y, z.zerosLike()] : [y] });
      },
    })),
  },
  {
    name: 'activationGradient takes the tanh form of gelu for gelu',
    operation: 'activationGradient',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ activationGradient }) => ({
      activationGradient: (inputs, { activation }, outputs) =>
        activationGradient!(inputs, { activation: activation === 'gelu' ? 'geluTanh' : activation }, outputs),
    })),
  },
  {
    name: 'softmaxGradient forgets that shares sum to one',
    operation: 'softmaxGradient',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ binary }) => ({
      softmaxGradient: ([y, g], _, outputs) => binary([y, g], { kind: 'multiply' }, outputs),
    })),
  },
  {
    name: 'layerNormGradient gives the weight what flows to the bias',
    operation: 'layerNormGradient',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ layerNormGradient }) => ({
      layerNormGradient: (inputs, attrs, outputs) =>
        change(layerNormGradient!(inputs, attrs, outputs), (_, toWeight, toBias) => toWeight.set(toBias)),
    })),
  },
  {
    name: 'crossEntropyGradient takes the labels one too high',
    operation: 'crossEntropyGradient',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ crossEntropyGradient }) => ({
      crossEntropyGradient: ([logits, labels, g], attrs, outputs) => {
        const data = labels.buffer.data.map((label) => label + 1) as Int32Array;
        return crossEntropyGradient!([logits, { ...labels, buffer: { ...labels.buffer, data } }, g], attrs, outputs);
      },
    })),
  },
  {
    name: 'attention takes padding for real',
    operation: 'attention',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ attention }) => ({
      attention: ([q, k, v, mask], attrs, outputs) => {
        const all = mask.buffer.data.map(() => 1) as Uint8Array;
        return attention!([q, k, v, { ...mask, buffer: { ...mask.buffer, data: all } }], attrs, outputs);
      },
    })),
  },
  {
    name: 'attentionGradient leaves out what flows to the weights themselves',
    operation: 'attentionGradient',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ attentionGradient }) => ({
      attentionGradient: (inputs, attrs, outputs) => attentionGradient!(inputs.slice(0, 5), attrs, outputs),
    })),
  },
  {
    name: 'the gradient of attention forgets 1/√dim',
    operation: 'attention',
    caughtBy: gradient,
    dtype: 'float64',
    on: withRecord('attention', (op) => ({
      ...op,
      vjp: (context) => {
        const [q, k, v] = op.vjp!(context) as Tensor[];
        const root = Math.sqrt(context.inputs[0].shape[3]);
        return [q.multiply(root), k.multiply(root), v, null];
      },
    })),
  },
  {
    name: 'the composition of attention gives padding a weight',
    operation: 'attention',
    caughtBy: 'composition equals kernel and definition',
    dtype: 'float32',
    on: withRecord('attention', (op) => ({
      ...op,
      compose: ([q, k, v, mask], attrs) => op.compose!([q, k, v, mask.logicalOr(mask.logicalNot())], attrs),
    })),
  },
  {
    name: 'the composition of softmaxGradient holds the shares for constant',
    operation: 'softmaxGradient',
    caughtBy: 'law 9, gradient of the composition equals the central difference',
    dtype: 'float64',
    on: withRecord('softmaxGradient', (op) => ({
      ...op,
      compose: ([y, g], attrs) => op.compose!([y.stopGradient(), g], attrs),
    })),
  },
  {
    name: 'the gradient of the gate forgets the experts that were not chosen',
    operation: 'topKGate',
    caughtBy: gradient,
    dtype: 'float64',
    on: withRecord('topKGate', (op) => ({
      ...op,
      vjp: ({ inputs: [logits], outputs: [gates, chosen], gradients: [g] }) => [
        chosen.oneHot(logits.shape[1], 'bool').where(g.multiply(gates).expandDims(2), 0).sum([1]),
      ],
    })),
  },
  {
    name: 'the gradient of moeDispatch is that of the first slot alone',
    operation: 'moeDispatch',
    caughtBy: gradient,
    dtype: 'float64',
    on: withRecord('moeDispatch', (op) => ({
      ...op,
      vjp: ({ inputs: [x, , rowOfSlot], gradients: [g] }) =>
        rowOfSlot.shape[1] === 0 ? [x.zerosLike(), null, null] : [g.gather(firstColumn(rowOfSlot)), null, null],
    })),
  },
  {
    name: 'the gradient of broadcastTo is not summed but the first',
    operation: 'broadcastTo',
    caughtBy: gradient,
    dtype: 'float64',
    on: withRecord('broadcastTo', (op) => ({
      ...op,
      vjp: ({ inputs: [x], gradients: [g] }) => {
        let first = g;
        while (first.rank > x.rank) first = first.slice([0, 1], 0).squeeze(0);
        x.shape.forEach((size, axis) => {
          first = size === first.shape[axis] ? first : first.slice([0, size], axis);
        });
        return [first];
      },
    })),
  },
  {
    name: 'the gradient of tanh is right once only',
    operation: 'tanh',
    caughtBy: [
      'law 9, second derivative equals the difference of gradients',
      'law 9, second derivative of the composition equals the difference of gradients: sigmoid',
    ],
    dtype: 'float64',
    on: withRecord('unary', (op) => ({
      ...op,
      vjp: (context) =>
        'kind' in (context.attrs as object) && (context.attrs as { kind: string }).kind === 'tanh'
          ? [context.gradients[0].multiply(context.outputs[0].stopGradient().square().negative().add(1))]
          : op.vjp!(context),
    })),
  },
  {
    name: 'a negative index counts from the end',
    operation: 'gather',
    caughtBy: 'errors say what was asked, given and taken',
    dtype: 'float32',
    on: withKernels(({ gather }) => ({
      gather: ([x, indices], attrs, outputs) => {
        const data = Int32Array.from(indices.buffer.data, (index) => (index < 0 ? index + x.shape[attrs.axis] : index));
        return gather([x, { ...indices, buffer: { ...indices.buffer, data } }], attrs, outputs);
      },
    })),
  },
  {
    name: 'a cast to Float32 cuts digits off instead of rounding',
    operation: 'cast',
    caughtBy: 'law 10, equals its definition: cast between float32 and float64',
    dtype: 'float64',
    on: withKernels(({ cast }) => ({
      cast: ([x], attrs, outputs) =>
        change(cast([x], attrs, outputs), (data) => {
          if (x.dtype !== 'float64' || !(data instanceof Float32Array)) return;
          const [exact] = cast([x], attrs, [{ ...outputs[0], dtype: 'float64' }]) as readonly CpuBuffer[];
          const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
          data.forEach((value, i) => {
            if (Math.abs(value) > Math.abs(exact.data[i])) bits[i] -= 1;
          });
        }) as readonly CpuBuffer[],
    })),
  },
  {
    name: 'the composition of logSumExp overflows',
    operation: 'logSumExp',
    caughtBy: 'stated, composed: logSumExp of large numbers does not overflow',
    dtype: 'float32',
    on: withRecord('logSumExp', (op) => ({
      ...op,
      compose: ([x], attrs) => [
        x
          .exp()
          .sum((attrs as { axes: number[] }).axes)
          .log(),
      ],
    })),
  },
  {
    name: 'the composition of norm squares before it scales',
    operation: 'norm',
    caughtBy: [
      'stated, composed: norm of large numbers does not overflow',
      'stated, composed: norm of small numbers does not underflow',
    ],
    dtype: 'float32',
    on: withRecord('norm', (op) => ({
      ...op,
      compose: ([x], attrs) => [
        x
          .square()
          .sum((attrs as { axes: number[] }).axes)
          .sqrt(),
      ],
    })),
  },
  {
    name: 'the composition of argmax takes NaN for small',
    operation: 'argmax',
    caughtBy: ['hostile floats, composed: NaN is the greatest to argmax', 'hostile floats, equals its definition'],
    dtype: 'float32',
    on: withRecord('argmax', (op) => ({
      ...op,
      compose: ([x], attrs) =>
        op.compose!([x.dtype === 'int32' ? x : x.equal(x).where(x, Number.NEGATIVE_INFINITY)], attrs),
    })),
  },
  {
    name: 'the composition of silu holds the sigmoid for constant',
    operation: 'silu',
    caughtBy: 'law 9, gradient of the composition equals the central difference',
    dtype: 'float64',
    on: withRecord('silu', (op) => ({ ...op, compose: ([x]) => [x.multiply(x.sigmoid().stopGradient())] })),
  },
  {
    name: 'the gradient of softmax has the wrong sign, in Float32',
    operation: 'softmax',
    caughtBy: gradient,
    dtype: 'float32',
    on: withRecord('softmax', (op) => ({ ...op, vjp: (context) => op.vjp!(context).map((g) => g!.negative()) })),
  },
  {
    name: 'the gradient of gelu is that of its tanh form, in Float32',
    operation: 'gelu',
    caughtBy: gradient,
    dtype: 'float32',
    on: withRecord('gelu', (op) => ({
      ...op,
      vjp: ({ inputs, gradients, attrs }) =>
        geluTanhRecord.vjp!({
          inputs,
          outputs: [inputs[0].geluTanh()],
          gradients,
          reached: [true],
          attrs: attrs as object,
        }),
    })),
  },
  {
    name: 'the gradient of exp is evaluated with 16 bits',
    operation: 'exp',
    caughtBy: gradient,
    dtype: 'float32',
    on: withRecord('unary', (op) => ({
      ...op,
      vjp: (context) =>
        (context.attrs as { kind?: string }).kind === 'exp'
          ? [context.gradients[0].multiply(context.outputs[0]).multiply(1 + 2 ** -16)]
          : op.vjp!(context),
    })),
  },
  {
    name: 'the composition of sigmoid is flat to second derivatives, in Float32',
    operation: 'sigmoid',
    caughtBy: 'law 9, second derivative of the composition equals the difference of gradients',
    dtype: 'float32',
    on: withRecord('unary', (op) => ({
      ...op,
      vjp: (context) =>
        (context.attrs as { kind?: string }).kind === 'tanh'
          ? [context.gradients[0].multiply(context.outputs[0].stopGradient().square().negative().add(1))]
          : op.vjp!(context),
    })),
  },
  {
    name: 'orthogonalProject keeps what it should take out',
    operation: 'orthogonalProject',
    caughtBy: [
      definition,
      'projectors: as the backend applies them, they are those of the host, and keep the bounds of span, mean and hard',
    ],
    dtype: 'float32',
    on: withKernels(({ orthogonalProject, binary }) => ({
      orthogonalProject: ([g, v], attrs, outputs) => {
        const [left] = orthogonalProject!([g, v], attrs, outputs) as readonly CpuBuffer[];
        return binary([g, { ...rowMajor(g), buffer: left, offset: 0 }], { kind: 'subtract' }, outputs);
      },
    })),
  },
  {
    name: 'orthogonalProject leaves the first row out of Vᵀ G',
    operation: 'orthogonalProject',
    caughtBy: [
      definition,
      'projectors: as the backend applies them, they are symmetric',
      'law 12: as the backend applies them, factored and dense projectors are one, on either side',
    ],
    dtype: 'float32',
    on: withKernels(({ orthogonalProject, copy }) => ({
      orthogonalProject: ([g, v], attrs, outputs) => {
        const [rows, cols] = g.shape.slice(-2);
        const isFirst = (i: number): boolean => rows > 1 && Math.floor(i / cols) % rows === 0;
        const [whole] = copy([g], {}, outputs) as readonly CpuBuffer[];
        const [cut] = change(copy([g], {}, outputs), (data) =>
          rewrite(data, (value, i) => (isFirst(i) ? 0 : value)),
        ) as readonly CpuBuffer[];
        const view = { ...rowMajor(g), buffer: cut, offset: 0 };
        return change(orthogonalProject!([view, v], attrs, outputs), (data) =>
          rewrite(data, (value, i) => value + (isFirst(i) ? whole.data[i] : 0)),
        );
      },
    })),
  },
  {
    name: 'orthogonalUpdate restores the length of the weight alone',
    operation: 'orthogonalUpdate',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ orthogonalUpdate }) => ({
      orthogonalUpdate: (inputs, attrs, outputs) =>
        change(orthogonalUpdate!(inputs, attrs, outputs), (_, bias, __, factor) =>
          rewrite(bias, (x, i) => x / factor[Math.floor((i * factor.length) / bias.length)]),
        ),
    })),
  },
];
