import { DataError } from '../../errors.ts';

/** The first two bytes of every gzip file (RFC 1952). */
const magic = [0x1f, 0x8b];

/**
 * The bytes of a gzip file, unpacked; other bytes as they are.
 *
 * @throws DataError where the packed bytes are cut short or corrupt.
 */
export const gunzip = async (bytes: Uint8Array, name: string): Promise<Uint8Array> => {
  if (bytes[0] !== magic[0] || bytes[1] !== magic[1]) return bytes;
  const unpacked = new Blob([Uint8Array.from(bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
  try {
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch (error) {
    throw new DataError(
      {
        operation: 'unpack gzip',
        received: `bytes that do not unpack, ${name}`,
        expected: 'a whole gzip file',
        advice: 'Fetch the file again.',
      },
      { cause: error },
    );
  }
};
