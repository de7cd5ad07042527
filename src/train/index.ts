/** `omoe/train`: the comparison, and trainings that survive, as a library. */

export { type TrainContext, trainDense, trainMethod } from './compare.ts';
export { evaluateTask, predictTask } from './evaluate.ts';
export { headLoss } from './head-loss.ts';
export type { BlockModel, Learner, SeenLayer } from './learner.ts';
export { measuredBatches, measureExperts } from './measure.ts';
export { type MetricsLog, metricsLog } from './metrics-log.ts';
export {
  type LossParts,
  type MoELayer,
  type Objective,
  type TaskModel,
  type Trainee,
  taskTrainee,
} from './objective.ts';
export { parseMethods } from './parse-methods.ts';
export { comparePlan } from './plan.ts';
export { type FineTuning, headOf, pretrained } from './pretrained.ts';
export { aggregate, compareResultSchema } from './result.ts';
export { loadSavedModel, predictorOf, readSavedModel, type SavedModel } from './saved-model.ts';
export { smallEncoder } from './small-encoder.ts';
export {
  type CheckpointFiles,
  loadModel,
  loadState,
  type Progress,
  type SaveStateOptions,
  saveModel,
  saveState,
} from './state.ts';
export { type Interval, meanInterval, pairedInterval } from './statistics.ts';
export { type EventFile, eventFile } from './tensorboard.ts';
export {
  type Checkpoints,
  checkpointName,
  runTraining,
  type Trained,
  type Training,
  type TrainingListener,
  type TrainingStep,
  type TrainingSteps,
} from './training.ts';
export type { ComparePlan, DenseModel, Method, MethodRun, ModelShape, StepEvent } from './types.ts';
export { type TaskTensors, uploadBatch } from './upload.ts';
