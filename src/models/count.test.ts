import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine, key } from '../index.ts';
import { leaves } from '../tree.ts';
import { type Family, freshConfig, type ModelConfig } from './config.ts';
import { countModel } from './count.ts';
import { headSpec } from './heads.ts';
import { initModel } from './parameters.ts';
import { upcycleModel } from './upcycle.ts';

const sizes = {
  bert: { vocabulary: 30522, positions: 512, width: 768, hidden: 3072, heads: 12, layers: 12 },
  roberta: { vocabulary: 50265, positions: 514, types: 1, width: 768, hidden: 3072, heads: 12, layers: 12 },
  albert: { vocabulary: 30000, positions: 512, embedding: 128, width: 768, hidden: 3072, heads: 12, layers: 12 },
} as const;

const shape = fc.record({
  family: fc.constantFrom<Family>('bert', 'roberta', 'albert'),
  vocabulary: fc.integer({ min: 5, max: 20 }),
  types: fc.integer({ min: 1, max: 3 }),
  headWidth: fc.integer({ min: 1, max: 3 }),
  heads: fc.integer({ min: 1, max: 3 }),
  hidden: fc.integer({ min: 1, max: 7 }),
  embedding: fc.integer({ min: 1, max: 5 }),
  groups: fc.integer({ min: 1, max: 2 }),
  inner: fc.integer({ min: 1, max: 2 }),
  layers: fc.integer({ min: 2, max: 3 }),
  experts: fc.integer({ min: 1, max: 4 }),
  sparse: fc.constantFrom<readonly number[] | undefined>([0], [1], undefined),
  outputs: fc.integer({ min: 1, max: 4 }),
  spans: fc.integer({ min: 0, max: 2 }),
  pooler: fc.boolean(),
  mlm: fc.boolean(),
});

const configOf = (drawn: typeof shape extends fc.Arbitrary<infer T> ? T : never): ModelConfig => {
  const { family, vocabulary, types, headWidth, heads, hidden, embedding, groups, inner, layers } = drawn;
  const width = headWidth * heads;
  const albert = family === 'albert' ? { embedding, groups: 2, inner: groups * inner } : {};
  return freshConfig(family, { vocabulary, types, positions: 9, width, heads, hidden, layers, ...albert });
};

const countOf = (tree: unknown) => leaves(tree).reduce((sum, { tensor }) => sum + tensor.size, 0);

describe('countModel', () => {
  it.each([
    // The count that users of bert-base-uncased find in it: google-research/bert, issue 1225.
    ['bert', 109_482_240],
    ['roberta', 124_645_632],
    ['albert', 11_683_584],
  ] as const)('knows %s-base with its pooler', (family, known) => {
    expect(countModel(freshConfig(family, sizes[family]))).toEqual({ dense: known, moe: known, active: known });
  });

  it('adds what the formula of an upcycled bert-base says', () => {
    const config = freshConfig('bert', sizes.bert);
    const moe = { layers: [3, 7], experts: 8, k: 2, renormalize: true, balanceLoss: 0 };
    const network = 768 * 3072 + 3072 + 3072 * 768 + 768;
    const { dense, moe: all, active } = countModel({ ...config, moe }, headSpec('classify', { classes: 3 }));
    expect(dense).toBe(109_482_240 + 768 * 3 + 3);
    expect(all).toBe(dense + 2 * (7 * network + 768 * 8));
    expect(active).toBe(dense + 2 * (network + 768 * 8));
  });

  it('is the number of leaves that a model has, before and after an upcycle', () => {
    const t = engine(cpu());
    fc.assert(
      fc.property(shape, (drawn) => {
        const config = configOf(drawn);
        const { experts, sparse, outputs, spans, pooler, mlm } = drawn;
        const head = { outputs, spans };
        const parts = { pooler, mlm, head: [config.width * (1 + spans), outputs] as const };
        const dense = initModel(t, key(1), config, parts);
        const upcycled = upcycleModel(dense, config, { experts, layers: sparse, key: key(2) });
        const counted = countModel(upcycled.config, head, { pooler, mlm });
        expect(counted.dense).toBe(countOf(dense));
        expect(counted.moe).toBe(countOf(upcycled.parameters));
        const chosen = upcycled.config.moe!;
        const idle = upcycled.parameters.blocks.reduce((sum, { moe }) => {
          return moe ? sum + (countOf([moe.fc1, moe.fc2]) / experts) * (experts - chosen.k) : sum;
        }, 0);
        expect(counted.active).toBe(counted.moe - idle);
      }),
    );
  });
});
