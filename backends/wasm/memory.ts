/**
 * Blocks of one linear memory: a free list with exact neighbours. Every block begins at a multiple of 64 bytes, a cache line,
 * so that two threads never write to one. Freeing joins a block with its free neighbours; taking splits the smallest
 * free block that is large enough, up to its size class.
 */
export interface Blocks {
  /** The address of at least `bytes` bytes, or null where there is no room. */
  take(bytes: number): number | null;
  /** @param address of a block that was taken and not given back */
  give(address: number): void;
  /** Bytes in blocks that are taken. */
  taken(): number;
}

const line = 64;

/** Free blocks from 64·2ᶜ up to 64·2ᶜ⁺¹ − 1 bytes are of class c. */
const classOf = (bytes: number): number => Math.floor(Math.log2(bytes / line));
/** Of 32 bits. */
const addresses = 2 ** 32;
const classes = classOf(addresses) + 1;

/**
 * @param start the first address
 * @param grow asked for an end of at least `end`; the end that was reached, or null where that cannot be
 */
export function createBlocks(start: number, grow: (end: number) => number | null): Blocks {
  let end = start;
  let sum = 0;
  const sizes = new Map<number, number>(); // of taken blocks, by address
  const free = new Map<number, number>(); // of free blocks, by address
  const freeEnds = new Map<number, number>(); // address of the free block that ends there
  const byClass = Array.from({ length: classes }, () => new Set<number>());

  const addFree = (address: number, bytes: number): void => {
    free.set(address, bytes);
    freeEnds.set(address + bytes, address);
    byClass[classOf(bytes)].add(address);
  };
  const removeFree = (address: number): number => {
    const bytes = free.get(address)!;
    free.delete(address);
    freeEnds.delete(address + bytes);
    byClass[classOf(bytes)].delete(address);
    return bytes;
  };
  /** Frees what lies at `address`, joined with the free blocks on both sides. */
  const join = (address: number, bytes: number): void => {
    const before = freeEnds.get(address);
    const from = before ?? address;
    let length = bytes;
    if (before !== undefined) length += removeFree(before);
    if (free.has(address + bytes)) length += removeFree(address + bytes);
    addFree(from, length);
  };
  /** In its own class a block may be too small; in any class above every block will do. */
  const find = (bytes: number): number | undefined => {
    const own = classOf(bytes);
    for (const address of byClass[own]) if (free.get(address)! >= bytes) return address;
    for (let above = own + 1; above < classes; above++) for (const address of byClass[above]) return address;
    return undefined;
  };

  return {
    take(bytes) {
      const size = Math.max(line, Math.ceil(bytes / line) * line);
      if (size >= addresses) return null;
      let address = find(size);
      if (address === undefined) {
        // The last free block, if it reaches the end, is part of the new one.
        const tail = freeEnds.get(end);
        const reached = grow((tail ?? end) + size);
        if (reached === null) return null;
        join(end, reached - end);
        end = reached;
        address = tail ?? freeEnds.get(end)!;
      }
      const found = removeFree(address);
      if (found > size) addFree(address + size, found - size);
      sizes.set(address, size);
      sum += size;
      return address;
    },
    give(address) {
      const size = sizes.get(address)!;
      sizes.delete(address);
      sum -= size;
      join(address, size);
    },
    taken: () => sum,
  };
}
