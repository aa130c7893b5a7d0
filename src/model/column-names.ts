/** Names as object keys: a second `a` becomes `a:1`, a third `a:2`; one that is taken already counts further. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>(names);
  const used = new Set<string>();
  return names.map((name) => {
    if (!used.has(name)) {
      used.add(name);
      return name;
    }
    let count = 1;
    while (taken.has(`${name}:${count}`)) count += 1;
    const key = `${name}:${count}`;
    taken.add(key);
    used.add(key);
    return key;
  });
}
