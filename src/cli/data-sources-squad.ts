import type { SourceFile, TaskFiles } from './data-sources.ts';

const squad = (name: string, size: number, sha256: string): SourceFile => ({
  name,
  address: `https://rajpurkar.github.io/SQuAD-explorer/dataset/${name}`,
  size,
  sha256,
});

/** The files of SQuAD, from its authors' site, see `data-sources.ts`. */
export const squadSources: Readonly<Record<string, TaskFiles>> = {
  squad1: {
    files: [
      squad('train-v1.1.json', 30_288_272, '3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955'),
      squad('dev-v1.1.json', 4_854_279, '95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9'),
    ],
  },
  squad2: {
    files: [
      squad('train-v2.0.json', 42_123_633, '68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002'),
      squad('dev-v2.0.json', 4_370_528, '80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8'),
    ],
  },
};
