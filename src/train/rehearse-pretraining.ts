import { type MaskedBatch, type MaskedTensors, maskedBatches, maskedObjective } from './masked-language.ts';
import { type PretrainPlan, pretrainConfig } from './pretrain-plan.ts';
import type { PretrainingText } from './pretraining.ts';
import type { Rehearsal } from './rehearsal.ts';

/** A step of `pretraining`, as far as its cost goes. */
export function rehearsePretraining(
  plan: PretrainPlan,
  { tokenizer, mask, train }: Pick<PretrainingText, 'tokenizer' | 'mask' | 'train'>,
): Rehearsal<MaskedBatch, MaskedTensors> {
  const hiding = { mask, size: tokenizer.size, isSpecial: tokenizer.isSpecial, rate: plan.maskRate };
  const options = { ...hiding, wholeWords: plan.wholeWords, pad: tokenizer.pad, length: plan.length, seed: plan.seed };
  return {
    ...{ batch: plan.batch, accumulate: plan.accumulate, methods: [] },
    config: pretrainConfig(plan, tokenizer.size, tokenizer.pad),
    parts: { pooler: false, mlm: true, head: null },
    objective: (config) => maskedObjective(config, { balanceLoss: 0, zLoss: 0 }, { dropout: plan.dropout }),
    batchOf: (batch) => maskedBatches(train, { ...options, batch }),
  };
}
