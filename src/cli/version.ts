import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The version in package.json, which lies above this file in the sources and one folder further up in the built package. */
export function packageVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const { version }: { version?: unknown } = JSON.parse(readFileSync(path, 'utf8'));
      return typeof version === 'string' ? version : 'unknown';
    }
    if (folder === dirname(folder)) return 'unknown';
  }
}
