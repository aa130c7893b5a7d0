import type { OpenFile, Platform } from "../../src/platform/port.ts";
import type { ReleaseStore } from "../../src/release/store.ts";

/** A store on a platform that writes down every durable step; random parts of names become `*`. */
export function recorded(store: ReleaseStore): { readonly store: ReleaseStore; readonly steps: string[] } {
  const steps: string[] = [];
  const name = (path: string) =>
    path
      .replace(store.paths.folder, "")
      .replace(/\/builds\/[0-9a-f]+/, "/builds/*")
      .replace(/\.[0-9a-f]{12}\.tmp$/, ".*.tmp") || "/";
  const { files } = store.platform;
  const platform: Platform = {
    ...store.platform,
    files: {
      ...files,
      async open(path, mode, permissions) {
        const file = await files.open(path, mode, permissions);
        return new Proxy(file, {
          get(target, key: keyof OpenFile) {
            if (key === "sync") return async () => (await target.sync(), void steps.push(`fsync ${name(path)}`));
            const value = target[key];
            return typeof value === "function" ? (value.bind(target) as unknown) : value;
          },
        });
      },
      async rename(source, target) {
        await files.rename(source, target);
        steps.push(`rename ${name(source)} ${name(target)}`);
      },
      async syncFolder(path) {
        await files.syncFolder(path);
        steps.push(`fsync ${name(path)}`);
      },
    },
  };
  return { store: { ...store, platform }, steps };
}
