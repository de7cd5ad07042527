import { type Engine, key } from '../../src/index.ts';
import { type EncoderParameters, initEncoder, upcycleEncoder } from '../../src/nn/index.ts';
import { type AdamWState, adamw, applyUpdates, clipByGlobalNorm, parametersOf } from '../../src/optim/index.ts';
import { embedded, trainingBatches } from '../../src/tasks/index.ts';
import { type BatchTensors, classifierLoss, upload } from '../../src/train/classifier.ts';
import { comparePlan } from '../../src/train/plan.ts';
import { type Case, dimensions, u } from '../case.ts';

/**
 * A step of the main job (`omoe compare`): the encoder with experts in the place of its feed-forward networks, forward with the
 * balance loss, backward, clipping, AdamW. Sizes are width × hidden; the rest is the plan's own, batches of the embedded task.
 */

interface Inputs {
  readonly parameters: EncoderParameters;
  readonly batch: BatchTensors;
  readonly state: AdamWState;
}

const plan = comparePlan({});
const optimizer = adamw({ weightDecay: plan.weightDecay });

export const encoderStep: Case<Inputs> = {
  name: 'encoder-step',
  kind: 'step',
  sizes: [`${plan.model.width}x${plan.model.ffn}`, '64x256', '128x512'],
  quick: '16x32',
  title(size) {
    const { layers, heads, experts, topK, length } = plan.model;
    return `main job's step, ${layers} layer, ${heads} heads, ${experts} experts, top-${topK}, batch ${plan.batch} × ${length}, ${dimensions(size).join(' → ')}`;
  },
  inputs(t: Engine, size) {
    const [width, hidden = 4 * width] = dimensions(size);
    const task = embedded({ seed: 0, train: 256, dev: 8 });
    const { layers, heads, experts, length } = plan.model;
    const shape = { vocabulary: task.vocabularySize, positions: length, classes: task.classes.length, layers, heads };
    const parameters = upcycleEncoder(initEncoder(t, key(1), { ...shape, width, hidden }), experts, key(2));
    const batch = upload(t, trainingBatches(task, { batch: plan.batch, seed: 0 })(0));
    return { parameters, batch, state: optimizer.initial(parametersOf(parameters)) };
  },
  reads: true,
  run({ parameters, batch, state }) {
    const { value, gradients } = batch.tokens.engine.valueAuxAndGrad(classifierLoss)(parameters, batch, plan, null);
    const clipped = clipByGlobalNorm(parametersOf(gradients), plan.clip);
    const all = parametersOf(parameters);
    const { updates } = optimizer.step({
      ...{ parameters: all, gradients: clipped.gradients },
      ...{ state, learningRate: plan.learningRate },
    });
    return [value, ...applyUpdates(all, updates).values()];
  },
  exact({ parameters, batch }) {
    const [loss] = classifierLoss(parameters, batch, plan, null);
    return [loss, ...parametersOf(parameters).values()];
  },
  /**
   * The loss, of a few thousand roundings between token and mean, is held to their number times u, relative to 1 + loss: an
   * estimate and not a proof, as the layers are proved one by one in the kit. Weights as in `moe-step`.
   */
  bounds({ parameters, batch }) {
    const [loss] = classifierLoss(parameters, batch, plan, null);
    const roundings = 100 * Math.max(...[...parametersOf(parameters).values()].flatMap(({ shape }) => shape));
    const moved = [...parametersOf(parameters).values()].map((theta) =>
      theta
        .abs()
        .multiply(plan.weightDecay)
        .add(1)
        .multiply(1.001 * plan.learningRate),
    );
    return [
      loss
        .abs()
        .add(1)
        .multiply(roundings * u),
      ...moved,
    ];
  },
};
