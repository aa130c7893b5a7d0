/** What a number, a boolean, a NULL or the frame of a string, list or object counts for: about a pointer. */
const scalarBytes = 8;

/**
 * Roughly how many bytes a converted value takes in memory: 8 for it, and the length of a string or of bytes; a list or object counts what it holds and the names
 * of its members. An estimate that costs little: V8 takes about this for ASCII text, and up to twice that for other text and for small objects.
 */
export function valueBytes(value: unknown): number {
  if (typeof value === "string") return scalarBytes + value.length;
  if (typeof value !== "object" || value === null) return scalarBytes;
  if (value instanceof Uint8Array) return scalarBytes + value.byteLength;
  let bytes = scalarBytes;
  if (Array.isArray(value)) {
    for (const item of value) bytes += valueBytes(item);
    return bytes;
  }
  for (const [name, member] of Object.entries(value)) bytes += name.length + valueBytes(member);
  return bytes;
}
