import { readParquet } from '../parquet.ts';
import { squadOfRows } from './hub.ts';
import { parseJson, parseSquad, type SquadRecords, squadLayout } from './squad.ts';

/**
 * The records of a file's bytes: SQuAD JSON, packed by gzip or not, or, where the name ends in `.parquet`, Hugging Face's rows.
 *
 * @throws DataError for what is malformed, named.
 */
export const readSquad = async (bytes: Uint8Array, path: string): Promise<SquadRecords> =>
  path.endsWith('.parquet')
    ? squadOfRows(await readParquet(bytes, path), path)
    : parseSquad(await parseJson(bytes, path, squadLayout), path);
