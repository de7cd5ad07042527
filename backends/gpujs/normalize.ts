import { type Declined, declined } from '../../src/backend.ts';
import { OmoeError } from '../../src/errors.ts';
import { isWithin } from './interval.ts';
import { type GpuComposite, tooLong } from './kernel.ts';
import { eachLane, freeCopy, type LaneKernel, type Lanes, lanesAlong, lanesOver, withinLanes } from './lanes.ts';
import type { Program } from './program.ts';
import { exponential, logarithm } from './scalar.ts';

/**
 * Softmax, its logarithm, logSumExp, cross entropy and layer norm. What all elements of a lane share (the largest, the sum of
 * exponentials, mean and deviation) is found once a lane, in a pass of its own; then one pass over the elements.
 * A lane whose largest element is infinite has no distribution and gives NaN.
 */

// max x, without NaN: a NaN comes back in the sum of exponentials. −∞ is an argument, as texts cannot write it (program.ts).
const largest: LaneKernel = {
  name: 'largest of a lane',
  parameters: { lowest: 'number' },
  body: ({ element }) => `
    let m = lowest;
    for (let l = 0; l < count; l++) {
      const v = ${element('l')};
      if (v > m) { m = v; }
    }
    return m;`,
};

// Σ e^{x − m}
const sumOfExponentials: LaneKernel = {
  name: 'sum of exponentials',
  parameters: { largest: 'buffer' },
  functions: exponential,
  body: ({ element }) => `
    const m = largest[this.thread.x];
    let sum = 0;
    for (let l = 0; l < count; l++) {
      sum += exponential(${element('l')} - m);
    }
    return sum;`,
};

/** A kernel of each element x, of its lane's largest m and sum s. */
const shifted = (name: string, result: string): LaneKernel => ({
  name,
  parameters: { largest: 'buffer', sums: 'buffer' },
  functions: [...exponential, ...logarithm],
  body: ({ element, ofLane }) => `
    const v = ${element('place')};
    const m = ${ofLane('largest')};
    const s = ${ofLane('sums')};
    return ${result};`,
});

const overAxis =
  (operation: 'softmax' | 'logSoftmax', kernel: LaneKernel): GpuComposite<'softmax'> =>
  (runtime) =>
  ([x], { axis }, [{ dtype }]) => {
    const long = tooLong(x.shape[axis]);
    if (long) return long;
    const lanes = lanesAlong(runtime, operation, x, axis);
    const m = eachLane(runtime, operation, lanes, largest, [Number.NEGATIVE_INFINITY], dtype);
    const s = eachLane(runtime, operation, lanes, sumOfExponentials, [m], dtype);
    const y = withinLanes(runtime, operation, lanes, lanes.count, kernel, [m, s], dtype);
    runtime.free(m);
    runtime.free(s);
    freeCopy(runtime, lanes);
    return [y];
  };

// e^{x − m}/s
export const softmax = overAxis('softmax', shifted('softmax', 'exponential(v - m) / s'));
// (x − m) − ln s
export const logSoftmax = overAxis('logSoftmax', shifted('log softmax', '(v - m) - logarithm(s)'));

const findLargest = (element: (l: string) => string): string => `
  let m = lowest;
  for (let i = 0; i < count; i++) {
    const v = ${element('i')};
    if (v > m) { m = v; }
  }`;
const addExponentials = (element: (l: string) => string): string => `
  let sum = 0;
  for (let l = 0; l < count; l++) {
    sum += exponential(${element('l')} - m);
  }`;

/** One thread for each lane is too little where the lanes are few and long. The composition adds up stretches of them. */
function requireThreads(lanes: Lanes): Declined | null {
  const threads = lanes.outer * lanes.inner;
  if (lanes.count <= 1024 || threads >= 256) return null;
  return declined(`${threads} lanes of more than 1024 elements would leave the device idle`);
}

// m + ln Σ e^{x − m}; an infinite m is taken as 0
const logSumExpKernel: LaneKernel = {
  name: 'log of the sum of exponentials',
  parameters: { lowest: 'number' },
  functions: [...exponential, ...logarithm],
  body: ({ element }) => `
    ${findLargest(element)}
    if (m - m !== 0) { m = 0; }
    ${addExponentials(element)}
    return logarithm(sum) + m;`,
};

export const logSumExp: GpuComposite<'logSumExp'> =
  (runtime) =>
  ([x], { axes }, [{ dtype }]) => {
    const lanes = lanesOver(runtime, 'logSumExp', x, axes);
    const few = requireThreads(lanes);
    if (few) {
      freeCopy(runtime, lanes);
      return few;
    }
    const y = eachLane(runtime, 'logSumExp', lanes, logSumExpKernel, [Number.NEGATIVE_INFINITY], dtype);
    freeCopy(runtime, lanes);
    return [y];
  };

// ln Σ e^{z − m} − (z_c − m) for the label c of the row
const crossEntropyKernel: LaneKernel = {
  name: 'cross entropy',
  parameters: { lowest: 'number', labels: 'buffer', labelsOffset: 'integer', labelsStride: 'integer' },
  functions: [...exponential, ...logarithm],
  body: ({ element }) => `
    ${findLargest(element)}
    ${addExponentials(element)}
    const label = labels[labelsOffset + this.thread.x * labelsStride];
    return logarithm(sum) - (${element('label')} - m);`,
};

const wrongLabel: Program = {
  key: 'wrong label',
  parameters: { labels: 'buffer', offset: 'integer', stride: 'integer', classes: 'number' },
  body: `
    const label = labels[offset + this.thread.x * stride];
    if (label < 0 || label >= classes) { return 1; }
    return 0;`,
};

export const crossEntropy: GpuComposite<'crossEntropy'> =
  (runtime) =>
  ([logits, labels], _, [{ dtype }]) => {
    const operation = 'crossEntropy';
    const [rows, classes] = logits.shape;
    const long = tooLong(classes);
    if (long) return long;
    const { buffer, offset, strides } = labels;
    if (!isWithin(buffer.interval, 0, classes - 1))
      runtime.check({
        operation,
        program: wrongLabel,
        args: [buffer, offset, strides[0], classes],
        length: rows,
        values: { buffer, offset, stride: strides[0] },
        complaint: (position, value) =>
          new OmoeError({
            operation,
            received: `label ${value} at position ${position}`,
            expected: classes === 0 ? 'none at all, as that axis is empty' : `from 0 to ${classes - 1}`,
          }),
      });
    const lanes = lanesAlong(runtime, operation, logits, 1);
    const args = [Number.NEGATIVE_INFINITY, buffer, offset, strides[0]];
    const y = eachLane(runtime, operation, lanes, crossEntropyKernel, args, dtype);
    freeCopy(runtime, lanes);
    return [y];
  };

const meanOfLane = (element: (l: string) => string): string => `
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += ${element('i')};
  }
  const mean = total / count;`;
// Two passes, so that a large mean costs no accuracy.
const squaresOfLane = (element: (l: string) => string): string => `
  let squares = 0;
  for (let l = 0; l < count; l++) {
    const d = ${element('l')} - mean;
    squares += d * d;
  }`;

const meanKernel: LaneKernel = {
  name: 'mean',
  body: ({ element }) => `${meanOfLane(element)}\nreturn mean;`,
};
// 1/(N − correction) Σ (x − mean)²
const varianceKernel: LaneKernel = {
  name: 'variance',
  parameters: { divisor: 'number' },
  body: ({ element }) => `${meanOfLane(element)}\n${squaresOfLane(element)}\nreturn squares / divisor;`,
};
// √(1/N Σ (x − mean)² + ε)
const deviationKernel: LaneKernel = {
  name: 'deviation',
  parameters: { means: 'buffer', epsilon: 'number' },
  body: ({ element }) => `
    const mean = means[this.thread.x];
    ${squaresOfLane(element)}
    return Math.sqrt(squares / count + epsilon);`,
};
// w (x − mean)/deviation + b
const layerNormKernel: LaneKernel = {
  name: 'layer norm',
  parameters: {
    ...{ means: 'buffer', deviations: 'buffer' },
    ...{ weight: 'buffer', weightOffset: 'integer', weightStride: 'integer' },
    ...{ bias: 'buffer', biasOffset: 'integer', biasStride: 'integer' },
  },
  body: ({ element, ofLane }) => `
    const d = ${element('place')} - ${ofLane('means')};
    const n = d / ${ofLane('deviations')};
    const w = weight[address1(place, weightStride, weightOffset)];
    const b = bias[address1(place, biasStride, biasOffset)];
    return n * w + b;`,
};

export const mean: GpuComposite<'mean'> =
  (runtime) =>
  ([x], { axes }, [{ dtype }]) => {
    const lanes = lanesOver(runtime, 'mean', x, axes);
    const few = requireThreads(lanes);
    if (few) {
      freeCopy(runtime, lanes);
      return few;
    }
    const y = eachLane(runtime, 'mean', lanes, meanKernel, [], dtype);
    freeCopy(runtime, lanes);
    return [y];
  };

export const variance: GpuComposite<'variance'> =
  (runtime) =>
  ([x], { axes, correction }, [{ dtype }]) => {
    const lanes = lanesOver(runtime, 'variance', x, axes);
    const few = requireThreads(lanes);
    if (few) {
      freeCopy(runtime, lanes);
      return few;
    }
    const y = eachLane(runtime, 'variance', lanes, varianceKernel, [lanes.count - correction], dtype);
    freeCopy(runtime, lanes);
    return [y];
  };

export const layerNorm: GpuComposite<'layerNorm'> =
  (runtime) =>
  ([x, weight, bias], { epsilon }, [{ dtype }]) => {
    const long = tooLong(x.shape.at(-1)!);
    if (long) return long;
    const lanes = lanesAlong(runtime, 'layerNorm', x, x.shape.length - 1);
    const means = eachLane(runtime, 'layerNorm', lanes, meanKernel, [], dtype);
    const deviations = eachLane(runtime, 'layerNorm', lanes, deviationKernel, [means, epsilon], dtype);
    const parameters = [weight, bias].flatMap(({ buffer, offset, strides }) => [buffer, offset, strides[0]]);
    const args = [means, deviations, ...parameters];
    const y = withinLanes(runtime, 'layerNorm', lanes, lanes.count, layerNormKernel, args, dtype);
    runtime.free(means);
    runtime.free(deviations);
    freeCopy(runtime, lanes);
    return [y];
  };
