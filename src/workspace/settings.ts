import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { ReleaseStoreConfig } from "../model/config.ts";
import { didYouMean } from "../model/nearest.ts";
import type { LoadedConfig } from "./config-file.ts";

/** The settings of a store. Throws `STORE_UNKNOWN`, with the nearest name there is. */
export function settingsOf({ path, config }: Pick<LoadedConfig, "path" | "config">, store: string): ReleaseStoreConfig {
  const names = Object.keys(config.stores);
  const settings = Object.hasOwn(config.stores, store) ? config.stores[store] : undefined;
  if (settings) return settings;
  throw new LockkeeperError("STORE_UNKNOWN", `${path} has no store "${store}"${didYouMean(store, names)}`, {
    hint: names.length > 0 ? `It has ${names.join(", ")}.` : "It has no store yet: add [stores.NAME].",
    subject: store,
  });
}
