import type { TaskFiles } from './data-sources.ts';

/** The files of GLUE's tasks, see `data-sources.ts`. */
export const glueSources: Readonly<Record<string, TaskFiles>> = {
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
};
