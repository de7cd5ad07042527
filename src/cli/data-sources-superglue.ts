import type { TaskFiles } from './data-sources.ts';

/** The files of SuperGLUE's tasks, see `data-sources.ts`. */
export const superglueSources: Readonly<Record<string, TaskFiles>> = {
  boolq: {
    sources: [
      {
        repository: 'THUDM/P-tuning',
        commit: 'f4225d4d8003868b31ed659dfe9732a351ad42d9',
        files: [
          {
            name: 'val.jsonl',
            path: 'FewGLUE_32dev/BoolQ/val.jsonl',
            size: 2_254_565,
            sha256: '0c86a5045886e5795fe9052003873f7d94b88ed3028a33007c51d99e44fd66d9',
          },
        ],
      },
    ],
  },
  cb: {
    sources: [
      {
        repository: 'tonyzhaozh/few-shot-learning',
        commit: 'e04d8643be91c2cce63f33e07760ff75d5aa3ad0',
        files: [
          {
            name: 'train.jsonl',
            path: 'data/cb/train.jsonl',
            size: 99_499,
            sha256: '32017480d3a10508646e3efd64502c639f13d4d15077f278d2fd0992c33a3126',
          },
          {
            name: 'val.jsonl',
            path: 'data/cb/val.jsonl',
            size: 24_598,
            sha256: 'c6125587e9601560cb16ea223c33964c5a915568d2af68a81f651b6ef25395ec',
          },
          {
            name: 'test.jsonl',
            path: 'data/cb/test.jsonl',
            size: 99_881,
            sha256: '860679c4ef6f56758f5530bfbcbf2fd7905667184144f3594ace9bb4c435618d',
          },
        ],
      },
    ],
  },
  copa: {
    sources: [
      {
        repository: 'louisbzk/pet',
        commit: 'e29a6f0ef752b3d1f37b1d735585eeaef7a0477d',
        files: [
          {
            name: 'val.jsonl',
            path: 'data/copa/val.jsonl',
            size: 18_169,
            sha256: 'fa61467cc251010178ed72f8ca82a0fceefc4ca9a85f87ec3b6102955e1a1f1a',
          },
          {
            name: 'test.jsonl',
            path: 'data/copa/test.jsonl',
            size: 82_735,
            sha256: '7c7cd9fb3aa90bb56e0c683b6e556f6640d75388159fd6b551aa87e8a04c667e',
          },
          {
            name: 'train.first.jsonl',
            path: 'data/copa/train.jsonl',
            size: 66_554,
            sha256: '83d09a5ccbd4cb4abcf4272e8971b68b0de73379910f7adcc3eab9ba0663ab5a',
          },
          {
            name: 'train.rest.jsonl',
            path: 'data/copa/unlabeled.jsonl',
            size: 5_769,
            sha256: 'a0cc7d33b0ae61ecce0f02a633870b55b47b8da4353525ef92fd1b4ebafbfc67',
          },
        ],
      },
    ],
    made: {
      name: 'train.jsonl',
      from: ['train.first.jsonl', 'train.rest.jsonl'],
      by: 'joining',
      size: 72_323,
      sha256: 'e74ed25f36119fff954d90900ebbaae277e2cc4864be4b961e7a46c8f67d11a9',
    },
  },
  multirc: {
    sources: [
      {
        repository: 'THUDM/P-tuning',
        commit: 'f4225d4d8003868b31ed659dfe9732a351ad42d9',
        files: [
          {
            name: 'val.jsonl',
            path: 'FewGLUE_32dev/MultiRC/val.jsonl',
            size: 550_086,
            sha256: 'd2b480195b15574ac00d52c4479f630bc161a7ab2de77e970fd00652846953ee',
          },
        ],
      },
    ],
  },
  record: {
    sources: [
      {
        repository: 'THUDM/P-tuning',
        commit: 'f4225d4d8003868b31ed659dfe9732a351ad42d9',
        files: [
          {
            name: 'train32.jsonl',
            path: 'FewGLUE_32dev/ReCoRD/train.jsonl',
            size: 62_448,
            sha256: '22bbee303ffd8e2c29f36d253c14a1c3d072ceab18c31481cea8ba3ea28d89ca',
          },
          {
            name: 'dev32.jsonl',
            path: 'FewGLUE_32dev/ReCoRD/dev32.jsonl',
            size: 60_220,
            sha256: 'c420c9c49ee310d8648e64893c72b8f69b94085d3207c303787c24409c438663',
          },
        ],
      },
    ],
  },
  wic: {
    sources: [
      {
        repository: 'THUDM/P-tuning',
        commit: 'f4225d4d8003868b31ed659dfe9732a351ad42d9',
        files: [
          {
            name: 'val.jsonl',
            path: 'FewGLUE_32dev/WiC/val.jsonl',
            size: 146_302,
            sha256: '9f7207c88beba42cbc139de4c62ce05b23bffc189b3d561594b160e0c3920c0b',
          },
        ],
      },
      {
        repository: 'AnthonyCui7/momentum-aided-prompt-optimization',
        commit: 'cf7db3ae609e1d9caf0ba195cf66256d1147fe5b',
        files: [
          {
            name: 'train_flat5228.jsonl',
            path: 'data/wic/train.jsonl',
            size: 740_601,
            sha256: '43503fb5c25fc73daa2f61119b1dd52db8d7cc218f43b6ccaea4a6523dc61347',
          },
        ],
      },
    ],
  },
  wsc: {
    sources: [
      {
        repository: 'nyu-mll/jiant',
        commit: '789e1c0aafa03bf12342be176228e25152bc6a50',
        files: [
          {
            name: 'train.jsonl',
            path: 'data/WSC/train.jsonl',
            size: 140_984,
            sha256: '0ffaa3fd8d21e58a0805962565d1619aa4819bc3d034255777f606f801ae5a42',
          },
          {
            name: 'val.jsonl',
            path: 'data/WSC/val.jsonl',
            size: 31_167,
            sha256: 'e5c685ea4bdc347354036a28176459f6feeb0b6870375ecfb3d6ddb1f0e28bef',
          },
          {
            name: 'test.jsonl',
            path: 'data/WSC/test.jsonl',
            size: 42_751,
            sha256: 'e278b00238f9f01764f39a934a6515379016c908b2191ff9174bd74296f28310',
          },
        ],
      },
    ],
  },
};
