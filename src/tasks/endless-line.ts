import { foldIn, type Key, permutation } from '../random.ts';

/** Where a place of the line lies: in which epoch, and which of the n things stands there. */
export interface Visit {
  readonly epoch: number;
  readonly index: number;
}

/**
 * n things in one endless line: epoch after epoch, each in the order permutation(foldIn(stream, epoch), n). What stands at a
 * place depends on the stream and the place alone, so that resuming equals never having stopped. The last epoch's order is
 * remembered; that changes the speed, not the results.
 */
export function endlessLine(n: number, stream: Key): (place: number) => Visit {
  let remembered: { epoch: number; order: Int32Array } = { epoch: -1, order: new Int32Array(0) };
  return (place) => {
    const epoch = Math.floor(place / n);
    if (remembered.epoch !== epoch) remembered = { epoch, order: permutation(foldIn(stream, epoch), n) };
    return { epoch, index: remembered.order[place % n] };
  };
}
