import { LockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { lease, type Closable } from "../../../src/engine/duckdb/registry.ts";
import type { Platform } from "../../../src/platform/port.ts";
import type { ReaderEngine } from "../../../src/reader/engine.ts";
import { modelEngine, modelStream, noExport, wholeTag } from "../model/engine.ts";
import type { ModelFile } from "../model/files.ts";
import type { ModelProcess } from "../model/machine.ts";

let devices = 1000n;

/** A database that every reader of a process shares, on one inode; using it after it was closed is an error. */
class SharedInstance implements Closable {
  readonly #file: ModelFile;
  #open = true;

  constructor(file: ModelFile) {
    this.#file = file;
  }

  get tag(): string {
    if (!this.#open) throw new Error(`${this.#file.path} was closed under its users`);
    return wholeTag(this.#file.node.content) ?? "torn";
  }

  closeSync(): void {
    this.#open = false;
    this.#file.drop();
  }
}

/** An engine for modelled databases, whose readers share open files through the real registry, as those of one process do. */
export function sharingEngine(process: ModelProcess): ReaderEngine {
  const platform = onOwnDevice(process.platform);
  return {
    ...modelEngine(process),
    async open({ path }) {
      const make = async (): Promise<SharedInstance> => new SharedInstance(await opened(process, path));
      const leased = await lease(platform, { path, shareKey: "read", make });
      return {
        file: leased.file,
        inFlight: 0,
        async query() {
          await process.step("query", path);
          const rows = [[leased.instance.tag]];
          return { columns: [{ name: "tag", type: "VARCHAR" }], rows, objects: () => rows.map(([tag]) => ({ tag })) };
        },
        async stream() {
          await process.step("query", path);
          return modelStream([[leased.instance.tag]]);
        },
        exportParquet: noExport,
        interrupt: () => {},
        close: () => Promise.resolve(leased.release()),
      };
    },
  };
}

async function opened(process: ModelProcess, path: string): Promise<ModelFile> {
  const file = await process.platform.files.open(path, "read").catch((error: unknown) => {
    throw new LockkeeperError("FILE_MISSING", `no ${path}`, { cause: error });
  });
  if (process.platform.locks.tryLock(file, "shared")) return file as ModelFile;
  await file.close();
  throw new LockkeeperError("FILE_LOCKED", `${path} is locked`);
}

/** The registry belongs to the real process that all modelled ones live in: a device each keeps their inodes apart. */
function onOwnDevice(platform: Platform): Platform {
  devices += 1n;
  const device = devices;
  const { files } = platform;
  const statNow: typeof files.statNow = (path) => {
    const stat = files.statNow(path);
    return stat && { ...stat, device };
  };
  return { ...platform, files: { ...files, statNow } };
}
