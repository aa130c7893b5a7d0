/**
 * `find`, asked once for each content: what lies on a modelled disk is replaced, never changed, and a sweep meets the same few contents on a hundred thousand
 * disks. What `find` throws is not kept.
 */
export function perContent<T>(find: (content: Buffer) => T): (content: Buffer) => T {
  const known = new WeakMap<Buffer, { readonly found: T }>();
  return (content) => {
    const before = known.get(content);
    if (before) return before.found;
    const found = find(content);
    known.set(content, { found });
    return found;
  };
}
