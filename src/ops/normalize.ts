import { ShapeError, UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, normalizeAxis, requireDType, requireFloat, requireOneDType, sameShape } from '../shape.ts';

/** Softmax and its logarithm, layer norm, cross entropy. */

const inferAlongAxis =
  (operation: string): Op<{ readonly axis: number }>['infer'] =>
  ([x], { axis }) => {
    requireFloat(operation, x);
    normalizeAxis(operation, axis, x.shape.length);
    return [{ shape: x.shape, dtype: x.dtype }];
  };

// softmax(x)_i = e^{x_i - m} / Σ_j e^{x_j - m},  m = max x.   ∂x = y (g - Σ g y)
export const softmax: Op<{ readonly axis: number }> = {
  name: 'softmax',
  kind: 'composite',
  infer: inferAlongAxis('softmax'),
  compose([x], { axis }) {
    const e = x.subtract(x.max([axis], { keepDims: true }).stopGradient()).exp();
    return [e.divide(e.sum([axis], { keepDims: true }))];
  },
  vjp: ({ outputs: [y], gradients: [g], attrs }) => y.engine.run(softmaxGradient, [y, g], attrs),
};

/** What flows back through softmax: [y, g] of one shape -> y (g - Σ g y), the sum along the axis. */
export const softmaxGradient: Op<{ readonly axis: number }> = {
  name: 'softmaxGradient',
  kind: 'composite',
  infer([y, g], attrs) {
    const outputs = inferAlongAxis('softmaxGradient')([y], attrs);
    requireOneDType('softmaxGradient', [y, g]);
    if (!sameShape(y.shape, g.shape))
      throw new ShapeError({
        operation: 'softmaxGradient',
        received: formatSpecs([y, g]),
        expected: 'the softmax and its gradient, of one shape',
      });
    return outputs;
  },
  compose: ([y, g], { axis }) => [y.multiply(g.subtract(g.multiply(y).sum([axis], { keepDims: true })))],
};

// logSoftmax(x) = (x - m) - log Σ e^{x - m}.   ∂x = g - softmax(x) Σ g
export const logSoftmax: Op<{ readonly axis: number }> = {
  name: 'logSoftmax',
  kind: 'composite',
  infer: inferAlongAxis('logSoftmax'),
  compose([x], { axis }) {
    const shifted = x.subtract(x.max([axis], { keepDims: true }).stopGradient());
    return [shifted.subtract(shifted.exp().sum([axis], { keepDims: true }).log())];
  },
  vjp: ({ outputs: [y], gradients: [g], attrs: { axis } }) => [
    g.subtract(y.exp().multiply(g.sum([axis], { keepDims: true }))),
  ],
};

function requireEpsilon(operation: string, epsilon: number): void {
  if (!(epsilon >= 0)) throw new UsageError({ operation, received: `epsilon ${epsilon}`, expected: 'a number ≥ 0' });
}

// layerNorm(x) = w (x - mean)/√(variance + ε) + b over the last axis, with the biased variance (Ba et al. 2016)
export const layerNorm: Op<{ readonly epsilon: number }> = {
  name: 'layerNorm',
  kind: 'composite',
  infer([x, weight, bias], { epsilon }) {
    requireFloat('layerNorm', x);
    requireOneDType('layerNorm', [x, weight, bias]);
    requireEpsilon('layerNorm', epsilon);
    const width = x.shape.at(-1);
    const fits = (p: typeof weight) => p.shape.length === 1 && p.shape[0] === width;
    if (width === undefined || !fits(weight) || !fits(bias))
      throw new ShapeError({
        operation: 'layerNorm',
        received: formatSpecs([x, weight, bias]),
        expected: 'x […, width], weight [width], bias [width]',
      });
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  compose([x, weight, bias], { epsilon }) {
    const centred = x.subtract(x.mean([-1], { keepDims: true }));
    const deviation = centred.square().mean([-1], { keepDims: true }).add(epsilon).sqrt();
    return [centred.divide(deviation).multiply(weight).add(bias)];
  },
  vjp: ({ inputs: [x, weight], gradients: [g], attrs }) => x.engine.run(layerNormGradient, [x, weight, g], attrs),
};

/**
 * What flows back through layer norm: x and g […, width], weight [width] -> [∂x, ∂w, ∂b]. With n = (x - mean)/s, s = √(variance + ε) and h = g w:
 *   ∂x = (h - mean(h) - n mean(h n))/s,  ∂w = Σ g n,  ∂b = Σ g,  the means over the last axis, the sums over all others
 */
export const layerNormGradient: Op<{ readonly epsilon: number }> = {
  name: 'layerNormGradient',
  kind: 'composite',
  infer([x, weight, g], { epsilon }) {
    requireFloat('layerNormGradient', x);
    requireOneDType('layerNormGradient', [x, weight, g]);
    requireEpsilon('layerNormGradient', epsilon);
    const width = x.shape.at(-1);
    const fits = weight.shape.length === 1 && weight.shape[0] === width && sameShape(x.shape, g.shape);
    if (width === undefined || !fits)
      throw new ShapeError({
        operation: 'layerNormGradient',
        received: formatSpecs([x, weight, g]),
        expected: 'x […, width], weight [width] and a gradient of the shape of x',
      });
    return [x, weight, weight].map(({ shape, dtype }) => ({ shape, dtype }));
  },
  compose([x, weight, g], { epsilon }) {
    const last = { keepDims: true };
    const centred = x.subtract(x.mean([-1], last));
    const deviation = centred.square().mean([-1], last).add(epsilon).sqrt();
    const n = centred.divide(deviation);
    const h = g.multiply(weight);
    const leading = x.shape.slice(0, -1).map((_, axis) => axis);
    const total = (t: typeof g) => (leading.length > 0 ? t.sum(leading) : t);
    return [
      h
        .subtract(h.mean([-1], last))
        .subtract(n.multiply(h.multiply(n).mean([-1], last)))
        .divide(deviation),
      total(g.multiply(n)),
      total(g),
    ];
  },
};

// crossEntropy(z, c) = -logSoftmax(z)_c for each row.   ∂z = g (softmax(z) - onehot(c))
export const crossEntropy: Op = {
  name: 'crossEntropy',
  kind: 'composite',
  infer([logits, labels]) {
    requireFloat('crossEntropy', logits);
    requireDType('crossEntropy', 'labels', labels, 'int32');
    if (logits.shape.length !== 2 || labels.shape.length !== 1 || logits.shape[0] !== labels.shape[0])
      throw new ShapeError({
        operation: 'crossEntropy',
        received: formatSpecs([logits, labels]),
        expected: 'logits [row, class] and labels int32[row]',
      });
    return [{ shape: labels.shape, dtype: logits.dtype }];
  },
  compose([logits, labels]) {
    const [rows, classes] = logits.shape;
    const label = logits.engine.arange(classes).gather(labels, 0); // refuses what is no class
    const place = logits.engine.arange(rows).multiply(classes).add(label); // row-major position of each label's logit
    return [
      logits
        .logSoftmax(1)
        .reshape([rows * classes])
        .gather(place, 0)
        .negative(),
    ];
  },
  vjp: ({ inputs: [logits, labels], gradients: [g] }) => [
    ...logits.engine.run(crossEntropyGradient, [logits, labels, g], {}),
    null,
  ],
};

/**
 * What flows back through cross entropy: logits z [row, class], labels c int32 [row], g [row] -> ∂z = g (softmax(z) - onehot(c)).
 * Labels were checked on the way there: here one that is no class is simply none of them.
 */
export const crossEntropyGradient: Op = {
  name: 'crossEntropyGradient',
  kind: 'composite',
  infer([logits, labels, g]) {
    requireFloat('crossEntropyGradient', logits);
    requireDType('crossEntropyGradient', 'labels', labels, 'int32');
    requireOneDType('crossEntropyGradient', [logits, g]);
    const fits = logits.shape.length === 2 && [labels, g].every(({ shape }) => sameShape(shape, [logits.shape[0]]));
    if (!fits)
      throw new ShapeError({
        operation: 'crossEntropyGradient',
        received: formatSpecs([logits, labels, g]),
        expected: 'logits [row, class], labels int32[row] and a gradient [row]',
      });
    return [{ shape: logits.shape, dtype: logits.dtype }];
  },
  compose: ([logits, labels, g]) => [
    logits.softmax(1).subtract(labels.oneHot(logits.shape[1], logits.dtype)).multiply(g.expandDims(1)),
  ],
};
