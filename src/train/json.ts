/**
 * JSON that keeps what `JSON.stringify` turns into `null`: NaN and the infinities are the strings "NaN", "Infinity" and
 * "-Infinity". A diverged run must be seen as one in every file.
 */
export function encodeJson(value: unknown, indent?: number): string {
  const keep = (_key: string, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? String(item) : item;
  return JSON.stringify(value, keep, indent);
}

/** Reads what {@link encodeJson} wrote: the three strings become numbers again. @throws SyntaxError as `JSON.parse` */
export function decodeJson(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) =>
    item === 'NaN' || item === 'Infinity' || item === '-Infinity' ? Number(item) : item,
  );
}
