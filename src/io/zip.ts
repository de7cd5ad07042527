/**
 * The table of contents of a zip archive: PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.4. What data sets are packed with,
 * and no more: no Zip64, no parts on several disks, no encryption. The directory at the end is what counts, as for every
 * reader; where an entry's own header says another name the archive is refused.
 */
import { DataError } from '../errors.ts';

/** An archive that is read in places. */
export interface ZipArchive {
  /** What to call it in an error, usually its path. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The bytes from `start` on, `length` of them: never asked for beyond the end. */
  read(start: number, length: number): Promise<Uint8Array>;
}

export interface ZipEntry {
  /** Its path in the archive, with `/`. */
  readonly path: string;
  /** 0 stored, 8 deflated; the others are not read. */
  readonly method: number;
  readonly encrypted: boolean;
  /** Of the unpacked bytes. */
  readonly crc32: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Bytes once unpacked, as the archive says. */
  readonly size: number;
  /** Where the entry's own header starts. */
  readonly header: number;
}

const [localMark, directoryMark, endMark] = [0x04034b50, 0x02014b50, 0x06054b50];
const [localLength, directoryLength, endLength] = [30, 46, 22];
/** The comment behind the end record has a length of 16 bits. */
const longestComment = 0xffff;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** @param archive its name */
export const zipFault = (archive: string, received: string, expected: string, cause?: unknown): DataError =>
  new DataError(
    { operation: `unpack ${archive}`, received, expected, advice: 'Remove the archive and fetch it again.' },
    { cause },
  );

/** Whether a path leads out of the folder that it is unpacked into: `../x`, `/x`, `C:\x`. */
const leadsOut = (path: string): boolean =>
  /^([/\\]|[A-Za-z]:)/.test(path) || path.split(/[/\\]/).includes('..') || path.includes('\0');

/**
 * Every entry of an archive, folders too, in the order of its directory.
 *
 * @throws DataError for an archive that is cut short, is none, is damaged, is one of what is not read (Zip64, several
 *   disks), or has an entry whose path leads out of a folder
 */
export async function zipEntries(archive: ZipArchive): Promise<ZipEntry[]> {
  const fault = (received: string, expected = 'a whole zip archive') => zipFault(archive.name, received, expected);
  const tail = await archive.read(
    Math.max(0, archive.size - endLength - longestComment),
    Math.min(archive.size, endLength + longestComment),
  );
  const end = endRecord(tail);
  if (end === null) throw fault('an archive without its end: cut short, or no zip');
  const [disk, count, length, start] = [
    end.getUint16(4, true),
    end.getUint16(10, true),
    end.getUint32(12, true),
    end.getUint32(16, true),
  ];
  if (count === 0xffff || length === 0xffffffff || start === 0xffffffff)
    throw fault('a Zip64 archive', 'one of under 4 GiB and 65535 entries');
  if (disk !== 0 || count !== end.getUint16(8, true)) throw fault('one part of an archive in several', 'the whole');
  if (start + length > archive.size - end.byteLength) throw fault('a directory that reaches beyond its end');
  const bytes = await archive.read(start, length);
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  for (let at = 0, i = 0; i < count; i++) {
    if (at + directoryLength > length || view.getUint32(at, true) !== directoryMark)
      throw fault(`a directory that ends after ${i} of ${count} entries`);
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const next = at + directoryLength + name + extra + comment;
    if (next > length) throw fault(`a directory that ends after ${i} of ${count} entries`);
    const path = textOf(bytes.subarray(at + directoryLength, at + directoryLength + name));
    if (leadsOut(path)) throw fault(`the path ${JSON.stringify(path)}`, 'paths inside of the archive');
    entries.push({
      path,
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      crc32: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      header: view.getUint32(at + 42, true),
    });
    at = next;
  }
  return entries;
}

/** The end record with its comment, which reaches exactly to the end: the mark alone may stand in packed bytes too. */
const endRecord = (tail: Uint8Array): DataView | null => {
  const view = viewOf(tail);
  for (let at = tail.length - endLength; at >= 0; at--)
    if (view.getUint32(at, true) === endMark && at + endLength + view.getUint16(at + 20, true) === tail.length)
      return viewOf(tail.subarray(at));
  return null;
};

/**
 * Where the packed bytes of an entry start: behind its own header, whose length only that header says.
 *
 * @throws DataError where there is no such header, or one of another file, or where the bytes reach beyond the archive
 */
export async function packedStart(archive: ZipArchive, { path, header, packed }: ZipEntry): Promise<number> {
  const damaged = () => zipFault(archive.name, `${path} without its header: damaged`, 'a whole zip archive');
  if (header + localLength > archive.size) throw damaged();
  const view = viewOf(await archive.read(header, localLength));
  if (view.getUint32(0, true) !== localMark) throw damaged();
  const [name, extra] = [view.getUint16(26, true), view.getUint16(28, true)];
  const start = header + localLength + name + extra;
  if (start + packed > archive.size)
    throw zipFault(archive.name, `${path} that reaches beyond its end`, 'a whole zip archive');
  const here = textOf(await archive.read(header + localLength, name));
  if (here !== path) throw zipFault(archive.name, `${path} that calls itself ${JSON.stringify(here)}`, 'one name');
  return start;
}
