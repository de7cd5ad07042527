/** Where a text stops being JSON (RFC 8259). `JSON.parse` refuses it too, but engines do not agree on whether to say where. */

/** Line and column of a text, both from 1; the column counts UTF-16 units. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

// A mark, a string, a number or a word. What a string may hold is in runs, so that a long one is read in one step.
const token =
  /[{}[\],:]|"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const space = /[ \t\n\r]*/y;

type Wanted = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or close' | 'end';

/** What may follow a token; null where the token itself may not stand here. `open` holds the brackets around it. */
const follow = (found: string, wanted: Wanted, open: string[]): Wanted | null => {
  const [mark] = found;
  const afterValue = (): Wanted => (open.length === 0 ? 'end' : ', or close');
  const closes = (bracket: string): boolean => mark === (bracket === '{' ? '}' : ']');
  switch (wanted) {
    case ':':
      return mark === ':' ? 'value' : null;
    case 'end':
      return null;
    case 'key':
    case 'key or }':
      if (mark === '"') return ':';
      break;
    case ', or close':
      if (mark === ',') return open.at(-1) === '{' ? 'key' : 'value';
      break;
    default:
      if (mark === '{' || mark === '[') {
        open.push(mark);
        return mark === '{' ? 'key or }' : 'value or ]';
      }
      if (!'}],:'.includes(mark)) return afterValue();
  }
  // A bracket may close after a value, or right where it was opened; not after a comma.
  if (wanted === 'key' || wanted === 'value' || !closes(open.at(-1)!)) return null;
  open.pop();
  return afterValue();
};

/**
 * The beginning of the first token that cannot stand where it is: of a string that never ends its opening quote, of a text
 * that breaks off its end. Null where all of it is JSON.
 */
export const jsonFault = (text: string): TextPlace | null => {
  const open: string[] = [];
  let [wanted, at]: [Wanted, number] = ['value', 0];
  for (;;) {
    space.lastIndex = at;
    at += space.exec(text)![0].length;
    if (at === text.length && wanted === 'end') return null;
    token.lastIndex = at;
    const found = token.exec(text)?.[0];
    const next: Wanted | null = found === undefined ? null : follow(found, wanted, open);
    if (next === null) return placeIn(text, at);
    wanted = next;
    at += found!.length;
  }
};

const placeIn = (text: string, at: number): TextPlace => {
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
};
