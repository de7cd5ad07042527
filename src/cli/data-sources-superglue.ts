import type { TaskFiles } from './data-sources.ts';

const splits = ['train', 'val', 'test'];

/** An archive of SuperGLUE's version 2 and the files of its folder that are the task. */
const archive = (name: string, size: number, sha256: string, files: readonly string[] = splits): TaskFiles => ({
  files: [
    {
      name: `${name}.zip`,
      address: `https://dl.fbaipublicfiles.com/glue/superglue/data/v2/${name}.zip`,
      size,
      sha256,
      members: files.map((file) => ({ path: `${name}/${file}.jsonl`, name: `${file}.jsonl` })),
    },
  ],
});

/** The files of SuperGLUE's tasks, see `data-sources.ts`. RTE is GLUE's, which has the same rows. */
export const superglueSources: Readonly<Record<string, TaskFiles>> = {
  boolq: archive('BoolQ', 4_118_001, '853fbe7922f70c59629f06a39e8d9ca440c3d740e760fd3b87a5ddf3dcba2436'),
  cb: archive('CB', 75_482, '8d641383298d54554066ba1c93f56ae7410af75df621b90c63028806bbbbb535'),
  copa: archive('COPA', 43_986, '405906cddac74bc1e1ce8220f1107d1025b66a25ef10149d91b10bb30651125f'),
  multirc: archive('MultiRC', 1_116_225, 'b3cd440856e72eb166b2edcd37b798455f1ebd51f2c3de64c0c2a4e1971d2737'),
  record: archive('ReCoRD', 51_757_880, '30c7b651ab21b8bf8fab986495cd1084333010e040548f861b839eec0044ac18'),
  wic: archive('WiC', 396_213, 'ee7e67f4ae9eafbf533780faa198e62167f3cda54256cdf261877be3c0e90900'),
  wsc: archive('WSC', 32_751, '2ed6dfa94556b4a128ff0441efe365b2e883124e7e6aa00fb8d3a6cb1fd520a9'),
  axb: archive('AX-b', 33_950, '43b45c55a273575c58a33cd68f10a971f83daa3aa223bfbc4077b92fbdf960b3', ['AX-b']),
  axg: archive('AX-g', 10_413, '2d4e00d3a7d23d2c3787ee4c1382cc81a72cb05a76fc9d78d142949247ed61b9', ['AX-g']),
};
