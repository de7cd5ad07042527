import { DataError } from '../errors.ts';

/**
 * A JSON value. Objects are Maps, so that a key such as `__proto__` is a key like any other. A number is one only where
 * it is written as a whole one and JavaScript holds it exactly; any other numeral (`1.0`, `1e3`, `-0`, 2^53) stays text.
 */
export type Json = null | boolean | string | number | Numeral | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;
export interface Numeral {
  readonly numeral: string;
}

export const isObject = (value: Json | undefined): value is JsonObject => value instanceof Map;

/** How deep arrays and objects may lie in one another. The files of this room need three levels. */
const depthLimit = 32;

/**
 * Reads JSON as RFC 8259 has it, and refuses what `JSON.parse` lets through: a key given twice (of which it keeps the
 * last), halves of surrogate pairs, and nesting without end. The time is linear in the length.
 *
 * @param name what is being read, e.g. `safetensors header of x`, for the error
 * @throws DataError with the position of the fault
 */
export function parseJson(text: string, name: string): Json {
  return new Reader(text, name).document();
}

class Reader {
  private readonly text: string;
  private readonly name: string;
  private at = 0;
  private depth = 0;

  constructor(text: string, name: string) {
    this.text = text;
    this.name = name;
  }

  document(): Json {
    const value = this.value();
    this.space();
    if (this.at < this.text.length) throw this.fault('the end');
    return value;
  }

  private value(): Json {
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return this.nested(() => this.object());
      case '[':
        return this.nested(() => this.array());
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private nested<T>(read: () => T): T {
    this.depth += 1;
    if (this.depth > depthLimit) throw this.fault(`nesting of at most ${depthLimit} levels`);
    this.at += 1;
    const value = read();
    this.depth -= 1;
    return value;
  }

  private object(): JsonObject {
    const entries = new Map<string, Json>();
    if (this.takes('}')) return entries;
    do {
      this.space();
      const start = this.at;
      const key = this.string();
      if (entries.has(key)) throw this.fault('every key only once', start);
      if (!this.takes(':')) throw this.fault('a colon');
      entries.set(key, this.value());
    } while (this.takes(','));
    if (!this.takes('}')) throw this.fault('a comma or }');
    return entries;
  }

  private array(): Json[] {
    const items: Json[] = [];
    if (this.takes(']')) return items;
    do items.push(this.value());
    while (this.takes(','));
    if (!this.takes(']')) throw this.fault('a comma or ]');
    return items;
  }

  private string(): string {
    if (this.text[this.at] !== '"') throw this.fault('a string');
    const start = this.at;
    let escaped = false;
    for (this.at += 1; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === quote) {
        this.at += 1;
        const inside = this.text.slice(start + 1, this.at - 1);
        return escaped ? this.unescape(start) : inside;
      }
      if (code < 0x20) throw this.fault('control characters as escapes');
      if (code === backslash) {
        escaped = true;
        this.at += 1;
      }
    }
    throw this.fault('the end of a string', start);
  }

  /** A string with escapes is left to `JSON.parse`, which knows them all. */
  private unescape(start: number): string {
    let value: string;
    try {
      value = JSON.parse(this.text.slice(start, this.at));
    } catch {
      throw this.fault('the escapes that JSON knows', start);
    }
    if (/\p{Surrogate}/u.test(value)) throw this.fault('whole characters, not halves of a surrogate pair', start);
    return value;
  }

  private number(): number | Numeral {
    numeral.lastIndex = this.at;
    const found = numeral.exec(this.text)?.[0];
    if (found === undefined) throw this.fault(this.at < this.text.length ? 'a JSON value' : 'more text');
    this.at += found.length;
    const value = Number(found);
    const exact = Number.isSafeInteger(value) && found === String(value);
    return exact ? value : { numeral: found };
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.fault('a JSON value');
    this.at += word.length;
    return value;
  }

  /** Takes one mark, if it is the next after white space. */
  private takes(mark: string): boolean {
    this.space();
    if (this.text[this.at] !== mark) return false;
    this.at += 1;
    return true;
  }

  private space(): void {
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  private fault(expected: string, at = this.at): DataError {
    const found = this.text.slice(at, at + 24);
    return new DataError({
      operation: `read ${this.name}`,
      received: `${found === '' ? 'the end of the text' : JSON.stringify(found)} at character ${at} of its JSON`,
      expected,
      advice: 'The file is damaged or was not written as JSON: fetch or write it again.',
    });
  }
}

const quote = 0x22;
const backslash = 0x5c;
const numeral = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
