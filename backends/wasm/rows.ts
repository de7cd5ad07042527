import type { Spec } from '../../src/backend.ts';

/** What the kernels that work row by row share on this side: how rows are dealt to threads, and which twin serves a dtype. */

/** Elements of a chunk of rows, where an element costs about a nanosecond. */
const chunkElements = 1 << 13;

/** Rows of a chunk. */
export const rowGrain = (width: number): number => Math.max(1, Math.ceil(chunkElements / Math.max(1, width)));

/** The end of the name of the kernel that serves these floats. */
export const twin = ({ dtype }: Spec): 'F32' | 'F64' => (dtype === 'float64' ? 'F64' : 'F32');
