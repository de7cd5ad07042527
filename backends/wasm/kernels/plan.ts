/**
 * Where each slot of each token goes: a stable counting sort of the slots by expert. An expert serves its first `capacity`
 * slots, in the order of the tokens; the rest go to nobody, and their rows stand last.
 *
 * One pass counts, and notes each slot's owner where its row will stand; a second one gives out the rows. Sorting depends on
 * what came before, so that all of it is one work item.
 */
export function planDispatch(
  chosen: usize,
  count: i32,
  slots: i32,
  experts: i32,
  capacity: i32,
  next: usize,
  slotOfRow: usize,
  rowOfSlot: usize,
  tokenOfRow: usize,
  expertOfRow: usize,
  offsets: usize,
  load: usize,
  first: i32,
  last: i32,
): void {
  if (first >= last) return;
  for (let e = 0; e < experts; e++) store<i32>(at(load, e), 0);
  for (let slot = 0; slot < count; slot++) {
    const expert = read(chosen, slot);
    let owner = experts;
    if (expert >= 0 && expert < experts) {
      const asked = read(load, expert);
      if (asked < capacity) owner = expert;
      store<i32>(at(load, expert), asked + 1);
    }
    store<i32>(at(rowOfSlot, slot), owner);
  }

  let row = 0;
  for (let e = 0; e < experts; e++) {
    store<i32>(at(offsets, e), row);
    store<i32>(at(next, e), row);
    row += max(0, min(read(load, e), capacity));
  }
  store<i32>(at(offsets, experts), row);
  store<i32>(at(next, experts), row);

  let token = 0;
  let within = 0;
  for (let slot = 0; slot < count; slot++) {
    const owner = read(rowOfSlot, slot);
    const place = read(next, owner);
    store<i32>(at(next, owner), place + 1);
    store<i32>(at(rowOfSlot, slot), place);
    store<i32>(at(slotOfRow, place), slot);
    store<i32>(at(tokenOfRow, place), token);
    store<i32>(at(expertOfRow, place), owner);
    within++;
    if (within === slots) {
      within = 0;
      token++;
    }
  }
}

/** The address of element i of a list of int32. */
function at(list: usize, i: i32): usize {
  return list + ((<usize>i) << 2);
}
function read(list: usize, i: i32): i32 {
  return load<i32>(at(list, i));
}
