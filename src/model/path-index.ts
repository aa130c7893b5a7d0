/**
 * Finds, for a path with `/`, which of some items lies there or is a folder around it: the innermost one, and of several at one path the first. Takes no longer where there are many items.
 */
export function pathIndex<Item>(items: readonly Item[], pathOf: (item: Item) => string): (path: string) => Item | undefined {
  const byPath = new Map<string, Item>();
  for (const item of items) if (!byPath.has(pathOf(item))) byPath.set(pathOf(item), item);
  return (path) => {
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
      const found = byPath.get(path.slice(0, end));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** Items with their paths, by the item that `pathIndex` finds for each; paths of none are left out. */
export function groupPaths<Item>(
  items: readonly Item[],
  paths: readonly string[],
  pathOf: (item: Item) => string,
): ReadonlyMap<Item, readonly string[]> {
  const itemOf = pathIndex(items, pathOf);
  const groups = new Map<Item, string[]>();
  for (const path of paths) {
    const item = itemOf(path);
    if (item === undefined) continue;
    const group = groups.get(item);
    if (group === undefined) groups.set(item, [path]);
    else group.push(path);
  }
  return groups;
}
