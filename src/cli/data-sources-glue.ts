import type { SourceFile, TaskFiles } from './data-sources.ts';

const glue = 'https://dl.fbaipublicfiles.com/glue/data';
const senteval = 'https://dl.fbaipublicfiles.com/senteval/senteval_data';

const splits = ['train', 'dev', 'test'];

/** An archive of GLUE's and the files of its folder that are the task. */
const archive = (
  name: string,
  size: number,
  sha256: string,
  { folder = name, files = splits }: { folder?: string; files?: readonly string[] } = {},
): SourceFile => ({
  name: `${name}.zip`,
  address: `${glue}/${name}.zip`,
  size,
  sha256,
  members: files.map((file) => ({ path: `${folder}/${file}.tsv`, name: `${file}.tsv` })),
});

const stsb = archive('STS-B', 802_872, 'e60a6393de5a8b5b9bac5020a1554b54e3691f9d600b775bd131e613ac179c85');

/** The files of GLUE's tasks, see `data-sources.ts`. */
export const glueSources: Readonly<Record<string, TaskFiles>> = {
  cola: { files: [archive('CoLA', 376_971, 'f212fcd832b8f7b435fb991f101abf89f96b933ab400603bf198960dfc32cbff')] },
  sst2: { files: [archive('SST-2', 7_439_277, 'd67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa')] },
  mrpc: {
    files: [
      {
        name: 'msr_paraphrase_train.txt',
        address: `${senteval}/msr_paraphrase_train.txt`,
        size: 1_047_044,
        sha256: '60a9b09084528f0673eedee2b69cb941920f0b8cd0eeccefc464a98768457f89',
      },
      {
        name: 'msr_paraphrase_test.txt',
        address: `${senteval}/msr_paraphrase_test.txt`,
        size: 441_275,
        sha256: 'a04e271090879aaba6423d65b94950c089298587d9c084bf9cd7439bd785f784',
      },
      {
        name: 'dev_ids.tsv',
        address: `${glue}/mrpc_dev_ids.tsv`,
        size: 6_222,
        sha256: '971d7767d81b997fd9060ade0ec23c4fc31cbb226a55d1bd4a1bac474eb81dc7',
      },
    ],
    made: [
      {
        name: 'train.tsv',
        from: ['msr_paraphrase_train.txt', 'dev_ids.tsv'],
        by: 'without the listed pairs',
        size: 941_471,
        sha256: '69abcedee3cf738c6ce58d772e43e1b7cdf5b4edee4aceda459c0d9f4e5599f3',
      },
      {
        name: 'dev.tsv',
        from: ['msr_paraphrase_train.txt', 'dev_ids.tsv'],
        by: 'the listed pairs',
        size: 105_616,
        sha256: '9e8f284788040f7c9ecde2e1b3c07237c756f926bd9ef8548ef5d34b56f69f17',
      },
      {
        name: 'test.tsv',
        from: ['msr_paraphrase_test.txt'],
        by: 'numbered, without labels',
        size: 445_335,
        sha256: 'aee460ceda833926b8ab2ad952d399f5cf8bc9335cff19afcac03dc449558622',
      },
    ],
  },
  qqp: {
    files: [
      archive('QQP-clean', 41_696_084, '40e7c862c04eb26ee04b67fd900e76c45c6ba8e6d8fab4f8f1f8072a1a3fbae0', {
        folder: 'QQP',
      }),
    ],
  },
  stsb: {
    files: [
      {
        ...stsb,
        members: [...stsb.members!, { path: 'STS-B/LICENSE.txt', name: 'LICENSE.txt', ifThere: true }],
      },
    ],
  },
  mnli: {
    files: [
      archive('MNLI', 312_783_507, 'e7c1d896d26ed6caf700110645df426cc2d8ebf02a5ab743d5a5c68ac1c83633', {
        files: ['train', 'dev_matched', 'dev_mismatched', 'test_matched', 'test_mismatched'],
      }),
    ],
  },
  qnli: {
    files: [
      archive('QNLIv2', 10_627_589, 'e634e78627a29adaecd4f955359b22bf5e70f2cbd93b493f2d624138a0c0e5f5', {
        folder: 'QNLI',
      }),
    ],
  },
  rte: { files: [archive('RTE', 697_150, '6bf86de103ecd335f3441bd43574d23fef87ecc695977a63b82d5efb206556ee')] },
  wnli: { files: [archive('WNLI', 28_999, 'ae0e8e4d16f4d46d4a0a566ec7ecceccfd3fbfaa4a7a4b4e02848c0f2561ac46')] },
  ax: {
    files: [
      {
        name: 'diagnostic.tsv',
        address: `${glue}/AX.tsv`,
        size: 222_257,
        sha256: '0e13510b1bb14436ff7e2ee82338f0efb0133ecf2e73507a697dc210db3f05fd',
      },
    ],
  },
};
