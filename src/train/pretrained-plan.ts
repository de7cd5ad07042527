import { UsageError } from '../errors.ts';
import { blockCount, type ModelConfig } from '../models/config.ts';
import type { BaseModel } from './base-model.ts';
import { flagReader } from './flags.ts';
import { shapeOf } from './pretrained.ts';
import type { ModelShape, PretrainedPlan } from './types.ts';

/** What the command line says of the checkpoint that a training starts from, as text. */
export interface PretrainedFlags {
  readonly model?: string;
  readonly moeLayers?: string;
  readonly dropout?: string;
  readonly fresh?: boolean;
  readonly vocab?: string;
  readonly width?: string;
  readonly ffn?: string;
  readonly layers?: string;
  readonly heads?: string;
}

/** Options that say what a folder says already. */
const folders = { vocab: '--vocab', width: '--width', ffn: '--ffn', layers: '--layers', heads: '--heads' } as const;

/**
 * @returns undefined without `--model`
 * @throws UsageError for an option that does not go with `--model`, or needs it
 */
export function pretrainedPlan(flags: PretrainedFlags, command: string): PretrainedPlan | undefined {
  const { model, moeLayers, dropout, fresh = false } = flags;
  if (model === undefined) {
    const given =
      moeLayers !== undefined ? '--moe-layers' : dropout !== undefined ? '--dropout' : fresh ? '--fresh' : undefined;
    if (given === undefined) return undefined;
    throw new UsageError({
      operation: `${command} ${given}`,
      received: 'no --model',
      expected: 'the folder of a model',
      advice: 'The small encoder that is trained without one has experts in every layer and drops nothing.',
    });
  }
  for (const [name, option] of Object.entries(folders) as [keyof typeof folders, string][])
    if (flags[name] !== undefined)
      throw new UsageError({
        operation: `${command} ${option}`,
        received: `--model ${model} as well`,
        expected: 'one of them',
        advice: 'The folder of the model says it.',
      });
  const rate = flagReader(command).decimal('--dropout', dropout, 0);
  if (rate >= 1)
    throw new UsageError({ operation: `${command} --dropout`, received: `"${dropout}"`, expected: 'a number below 1' });
  const layers = moeLayers === undefined ? null : layersOf(moeLayers, command);
  return { folder: model, moeLayers: layers, dropout: rate, fresh };
}

function layersOf(text: string, command: string): number[] {
  const layers = text.split(',').map((layer) => (/^\d+$/.test(layer) ? Number(layer) : Number.NaN));
  if (layers.every(Number.isSafeInteger) && new Set(layers).size === layers.length) return layers.sort((a, b) => a - b);
  throw new UsageError({
    operation: `${command} --moe-layers`,
    received: `"${text}"`,
    expected: 'layers from 0 with commas between them, each once',
  });
}

/**
 * The plan with the sizes that its folder says.
 * @throws UsageError where the folder has experts already and other ones are asked for, or layers that it does not have
 */
export function withShapeOf<Plan extends { readonly model: ModelShape; readonly pretrained?: PretrainedPlan }>(
  plan: Plan,
  config: ModelConfig,
  asked: { readonly experts?: string; readonly topK?: string },
  command: string,
): Plan {
  const { folder, moeLayers } = plan.pretrained!;
  const blocks = blockCount(config);
  if (moeLayers?.some((layer) => layer >= blocks))
    throw new UsageError({
      operation: `${command} --moe-layers`,
      received: moeLayers.join(','),
      expected: `numbers below ${blocks}, the blocks of ${folder}`,
    });
  if (config.moe) {
    const given = moeLayers ? '--moe-layers' : asked.experts !== undefined ? '--experts' : asked.topK && '--top-k';
    if (given)
      throw new UsageError({
        operation: `${command} ${given}`,
        received: `${folder}, which has ${config.moe.experts} experts already`,
        expected: `no ${given}`,
      });
  }
  return { ...plan, model: { ...plan.model, ...shapeOf(config) } };
}

/** The plan that says which checkpoint it starts from, where its weights were read. */
export const withSumOf = <Plan extends { readonly pretrained?: PretrainedPlan }>(
  plan: Plan,
  { sum, weighed }: BaseModel,
): Plan => (weighed ? { ...plan, pretrained: { ...plan.pretrained!, sum } } : plan);
