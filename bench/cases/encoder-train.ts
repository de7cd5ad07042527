import { type Engine, key } from '../../src/index.ts';
import { type AdamWState, adamw, type OmoeState, omoe, parametersOf } from '../../src/optim/index.ts';
import { bucketedBatches } from '../../src/tasks/buckets.ts';
import type { Batch, Example } from '../../src/tasks/types.ts';
import { bertSettings } from '../../src/text/families.ts';
import { buildTokenizer } from '../../src/text/pipeline.ts';
import { trainWordPieces } from '../../src/text/train-vocabulary.ts';
import { numberPieces } from '../../src/text/wordpiece.ts';
import { takeStep } from '../../src/train/step.ts';
import { type TaskTensors, uploadBatch } from '../../src/train/upload.ts';
import type { Case, Size } from '../case.ts';
import {
  type EncoderInputs,
  encoderBatch,
  encoderFlops,
  encoderInputs,
  encoderSize,
  encoderTitle,
  encoderTolerance,
  encoderTrainee,
  fullSize,
  tokensOf,
} from '../encoder.ts';
import { sentences } from '../sentences.ts';

/** Training of an encoder with experts, and what it takes to feed it. */

const rate = 1e-4;
const optimizer = omoe(adamw(), { accumulateSteps: 1, orthogonalSteps: 0 });

interface Inputs extends EncoderInputs {
  readonly size: Size;
  readonly state: OmoeState<AdamWState>;
}

/** A step as `omoe train` takes it: forward, backward, clipping, AdamW, one read. */
async function step({ parameters, state, size, tokens, labels }: Inputs) {
  const t = tokens.engine;
  const { config, batch } = encoderSize(size);
  const { loss } = encoderTrainee(config);
  const objective = { loss, upload: (_: Engine, given: { tensors: TaskTensors; scored: number }) => given.tensors };
  const { next, figures } = await takeStep(
    t,
    { parameters, state },
    {
      ...{ objective, optimizer, learningRate: rate, clip: 1, name: 'bench', step: 0, key: key(0) },
      batches: [{ tensors: encoderBatch({ tokens, labels }), scored: batch }],
    },
  );
  return [t.full([], figures.loss), ...parametersOf(next.parameters).values()];
}

const drawn = (t: Engine, size: Size): Inputs => {
  const inputs = encoderInputs(t, size);
  return { ...inputs, size, state: optimizer.initial(parametersOf(inputs.parameters)) };
};

const lossOf = ({ parameters, size, ...batch }: Inputs) =>
  encoderTrainee(encoderSize(size).config).loss(parameters, encoderBatch(batch), null, key(0))[0];

export const encoderTrain: Case<Inputs> = {
  name: 'encoder-train',
  kind: 'step',
  sizes: [fullSize],
  quick: '2x16x2x8',
  title: encoderTitle,
  flops: encoderFlops,
  tokens: tokensOf,
  inputs: drawn,
  reads: true,
  run: step,
  exact: (inputs) => [lossOf(inputs), ...parametersOf(inputs.parameters).values()],
  /** Weights as in `moe-step`: the first step of AdamW moves none by more than η(1 + λ|θ|). */
  bounds: (inputs) => [
    lossOf(inputs).abs().add(1).multiply(encoderTolerance(inputs.size)),
    ...[...parametersOf(inputs.parameters).values()].map((theta) =>
      theta
        .abs()
        .multiply(0.01)
        .add(1)
        .multiply(1.001 * rate),
    ),
  ],
};

interface Feeding {
  readonly training: Inputs;
  /** The texts of one batch, as many as a step trains on. */
  next(): readonly string[];
  /** Pieces, special tokens, buckets by length, padding. */
  feed(texts: readonly string[]): Batch;
}

/**
 * What has to happen on the host before a step can begin, if nothing is remembered from one epoch to the next: each text of the
 * batch is cut into word pieces, and a batch is drawn from buckets by length, filled up and uploaded. Beside the training step
 * that it feeds: the ratio is its share, to be under 0.02.
 */
export const encoderFeed: Case<Feeding> = {
  name: 'encoder-feed',
  kind: 'step',
  sizes: [fullSize],
  quick: '2x16x2x8',
  title: (size) => `tokenising and batching for one ${encoderTitle(size)}`,
  tokens: tokensOf,
  inputs(t, size) {
    const { batch, length } = encoderSize(size);
    const window = 32;
    const texts = sentences(batch * window, length);
    const tokenizer = buildTokenizer(bertSettings(numberPieces(trainWordPieces(texts, 8000), 'vocab.txt')));
    const example = (text: string): Example => ({
      tokens: tokenizer.join(tokenizer.pieces(text), null, length).tokens,
      label: 0,
    });
    const train = texts.map(example);
    const task = { name: 'texts', train, length, padToken: tokenizer.pad } as unknown as Parameters<
      typeof bucketedBatches
    >[0];
    let at = 0;
    let batches = bucketedBatches(task, { batch, seed: 0, window });
    return {
      training: drawn(t, size),
      next: () => {
        const from = (at % window) * batch;
        return texts.slice(from, from + batch);
      },
      feed(given) {
        given.forEach((text, i) => {
          train[(at % window) * batch + i] = example(text);
        });
        // Each window of steps is sorted and cut anew, as in a training, where it is remembered until the next.
        if (at % window === 0) batches = bucketedBatches(task, { batch, seed: 0, window });
        return batches(at++ % window);
      },
    };
  },
  run({ training, next, feed }) {
    const { tokens, mask } = uploadBatch(training.tokens.engine, feed(next()));
    return [tokens, mask];
  },
  exact: () => [],
  bounds: () => [],
  baseline: { name: 'the training step it feeds', run: ({ training }) => step(training) },
};
