import { announcing } from "./announcing.ts";
import { building } from "./building.ts";
import { keeping } from "./keeping.ts";
import { leasing } from "./leasing.ts";
import { scoping } from "./scoping.ts";
import { serving } from "./serving.ts";
import { telling } from "./telling.ts";
import type { Variant } from "./variant.ts";

const crashes = "test/proof/crashes/crashes.test.ts";
const crash = "test/release/crash.test.ts";
const follow = "test/reader/follow.test.ts";

/** Durability: what a power cut or a killed process must find. */
const durability: readonly Variant[] = [
  {
    name: "no fsync of new files",
    edits: [
      {
        file: "platform/files.ts",
        find: "    await file.sync();\n    await platform.failpoint(`${wanted.failpoint}.synced`);",
        replace: "",
      },
    ],
    caughtBy: { file: crashes, title: "publish: whatever" },
    says: /is not JSON|is empty|is torn|not the one/,
  },
  {
    name: "no fsync of the folder after a replacement",
    edits: [
      {
        file: "platform/files.ts",
        find: "    await platform.files.syncFolder(folder);\n    await platform.failpoint(`${failpoint}.done`);",
        replace: "",
      },
    ],
    caughtBy: { file: crashes, title: "publish: whatever" },
    says: /not the one that the manifest names|is active after/,
  },
  {
    name: "a manifest written in place",
    edits: [
      {
        file: "release/manifest-file.ts",
        find: 'await replaceFile(store.platform, { path: store.paths.manifest, bytes, failpoint: "switch" });',
        replace: `void replaceFile;
    const file = await store.platform.files.open(store.paths.manifest, "update");
    await file.truncate(0);
    await file.write(bytes, 0);
    await file.sync();
    await file.close();
    await store.platform.files.syncFolder(store.paths.folder);`,
      },
    ],
    caughtBy: { file: crashes, title: "publish: whatever" },
    says: /db_manifest.json is (empty|not JSON)/,
  },
  {
    name: "folders of a killed process taken for durable",
    edits: [
      {
        file: "release/open.ts",
        find: "  await syncUpwards(platform, (await platform.files.resolve(paths.own)) ?? paths.own);\n",
        replace: "  void syncUpwards;\n",
      },
    ],
    caughtBy: { file: "test/proof/crashes/crashes.proof.ts", title: "first publish: killed" },
    says: /second power cut/,
  },
  {
    name: "no recovery barrier",
    edits: [
      {
        file: "release/manifest-file.ts",
        find: "  await recoveryBarrier(store.platform, store.paths.manifest);",
        replace: "  void recoveryBarrier;",
      },
    ],
    caughtBy: { file: "test/proof/crashes/crashes.proof.ts", title: "publish, while a rollback is killed during its build" },
    says: /power cut/,
  },
  {
    name: "a build that is not fsynced before it is installed",
    edits: [
      {
        file: "release/build/seal.ts",
        find: "    await file.setMode(0o644);\n    await file.sync();",
        replace: "    await file.setMode(0o644);",
      },
    ],
    caughtBy: { file: crashes, title: "publish: whatever" },
    says: /is torn or missing/,
  },
  {
    name: "no fsync of the folder after the install",
    edits: [
      {
        file: "release/layout/slots.ts",
        find: "    await store.platform.files.syncFolder(dirname(target.path));\n",
        replace: "",
      },
    ],
    caughtBy: { file: crashes, title: "publish: whatever" },
    says: /holds the build|is torn or missing/,
  },
  {
    name: "a pin file whose name is not durable before the switch",
    edits: [{ file: "release/records.ts", find: "    await files.syncFolder(store.paths.pins);\n", replace: "" }],
    caughtBy: { file: crashes, title: "publish: whatever" },
    says: /without a pin file/,
  },
  {
    name: "a history line written after one that is not durable",
    edits: [{ file: "release/history.ts", find: "    if (!isNew) await file.sync();\n", replace: "" }],
    caughtBy: { file: "test/proof/crashes/crashes.proof.ts", title: "publish after a rollback: killed" },
    says: /history line \d+ has id/,
  },
  {
    name: "a history that is appended to without cutting a torn end",
    edits: [
      { file: "release/history.ts", find: "    if (wholeBytes < bytes.length) await file.truncate(wholeBytes);\n", replace: "" },
      {
        file: "release/history.ts",
        find: 'Buffer.from(lines.join("")), wholeBytes)',
        replace: 'Buffer.from(lines.join("")), bytes.length)',
      },
    ],
    caughtBy: { file: crashes, title: "publish: whatever" },
    says: /the history/,
  },
];

/** Which release is active, and who may say so. */
const releases: readonly Variant[] = [
  {
    name: "a slot that is chosen when the build begins",
    edits: [
      {
        file: "release/install.ts",
        find: "  const target = await layout.target(store, state.current, release);",
        replace: `  const moved = build.parent !== undefined && build.parent.version !== state.current?.manifest.version;
  const free = await layout.target(store, state.current, release);
  const active = free.active === "a" ? "b" : "a";
  const target = moved ? { ...free, active, path: store.paths.slot(free.basename, active) } : free;`,
      },
    ],
    caughtBy: { file: "test/release/concurrency.test.ts", title: "a rollback during a long build" },
    says: /AssertionError|SLOT_BUSY/,
  },
  {
    name: "a rollback that trusts the manifest's `previous`",
    edits: [
      {
        file: "release/layout/slots.ts",
        find: "      if (!held.includes(found)) throw",
        replace: "      if (held.length > 99) throw",
      },
    ],
    caughtBy: { file: crash, title: "after a crash between install and switch" },
    says: /resolved|RELEASE_UNKNOWN/,
  },
  {
    name: "a switch over a manifest that another program changed meanwhile",
    edits: [
      {
        file: "release/manifest-file.ts",
        find: "  if (now?.identity === expected?.identity) return;",
        replace: "  if (now?.identity !== undefined || expected === undefined) return;",
      },
    ],
    caughtBy: { file: "test/release/concurrency.test.ts", title: "a manifest that another program replaces at install.done" },
    says: /resolved/,
  },
  {
    name: "an edited manifest taken for ours",
    edits: [
      {
        file: "model/manifest.ts",
        find: "    return digest === digestOf(body) ? parsed.data : undefined;",
        replace: '    return digestOf(body) === "" ? undefined : parsed.data;',
      },
    ],
    caughtBy: { file: "test/reader/own-releases.test.ts", title: "an edit of our manifest by another program" },
    says: /the record of release r000002 does not list/,
  },
  {
    name: "release ids that follow the manifest alone",
    edits: [
      {
        file: "release/state.ts",
        find: "Math.max(await highestRecordedNumber(store), manifest, historyHeights(state.events).release) + 1",
        replace: "Math.max((await highestRecordedNumber(store)) * 0, manifest) + 1",
      },
    ],
    caughtBy: { file: "test/release/rollback.test.ts", title: "the next build descends from" },
    says: /AssertionError/,
  },
  {
    name: "slot files overwritten that nothing speaks of",
    edits: [{ file: "release/state.ts", find: "  await layoutOf(store).assertNothingUnknown(store);\n", replace: "" }],
    caughtBy: { file: "test/release/publish.test.ts", title: "slot files that nothing speaks of" },
    says: /SLOT_UNKNOWN|resolved/,
  },
];

/** Locks. */
const locks: readonly Variant[] = [
  {
    name: "a lock that is a PID in a file",
    edits: [
      {
        file: "platform/lock.ts",
        find: '    if (!platform.locks.tryLock(file, "exclusive")) return undefined;',
        replace: "    if (readLockNote(platform, request.path)?.closed === false) return undefined;",
      },
    ],
    caughtBy: { file: "test/platform/lock.test.ts", title: "a lock goes with a killed process" },
    says: /is held/,
  },
  {
    name: "a lock file that is not compared with its path before a commit",
    edits: [
      {
        file: "platform/lock.ts",
        find: "      if (await isAtPath(platform, file)) return;",
        replace: '      if (file.path !== "") return;',
      },
    ],
    caughtBy: { file: "test/platform/lock.test.ts", title: "a lock whose file was removed or replaced" },
    says: /LOCK_REPLACED|resolved/,
  },
  {
    name: "a lock file that its holder deletes, and nobody looks where it lies",
    edits: [
      { file: "platform/lock.ts", find: '    if (!(await isAtPath(platform, file))) return "replaced";\n', replace: "" },
      {
        file: "platform/lock.ts",
        find: "      if (await isAtPath(platform, file)) return;",
        replace: '      if (file.path !== "") return;',
      },
      {
        file: "platform/lock.ts",
        find: "      platform.locks.unlock(file);\n",
        replace: "      await platform.files.removeFile(file.path);\n      platform.locks.unlock(file);\n",
      },
    ],
    caughtBy: { file: "test/platform/lock.test.ts", title: "a lock whose file was removed or replaced" },
    says: /LOCK_REPLACED|resolved|ENOENT/,
  },
  {
    name: "a build command that does not inherit the build lock",
    edits: [{ file: "release/build/run.ts", find: "      inherit: [task.lock.file],", replace: "      inherit: []," }],
    caughtBy: { file: "test/release/concurrency.test.ts", title: "kill -9 of the publisher: the orphaned ETL keeps" },
    says: /AssertionError|BUILD_LOCKED/,
  },
  {
    name: "a lock that is closed, not given up, while a daemon holds a copy",
    edits: [{ file: "platform/lock.ts", find: "      platform.locks.unlock(file);\n", replace: "" }],
    caughtBy: { file: "test/release/concurrency.test.ts", title: "a daemon that the build command left behind" },
    says: /is held|AssertionError/,
  },
  {
    name: "a data file's descriptor closed while this process reads the file",
    edits: [
      {
        file: "engine/duckdb/registry.ts",
        find: "  use.deferred.push(() => file.close());\n",
        replace: "  await file.close();\n",
      },
    ],
    caughtBy: { file: "test/engine/duckdb/registry.test.ts", title: "descriptors given back while the inode is used" },
    says: /file closed/,
  },
];

/** Readers. */
const readers: readonly Variant[] = [
  {
    name: "no second look at the manifest after the file was opened",
    edits: [{ file: "reader/opening.ts", find: "    try {\n      verify();\n      return", replace: "    try {\n      return" }],
    caughtBy: { file: follow, title: "the same after the open" },
    says: /AssertionError/,
  },
  {
    name: "versions compared instead of identities",
    edits: [
      {
        file: "reader/resolver.ts",
        find: "      const { manifest } = identifyManifest(read, this.path);\n",
        replace:
          '      const { manifest } = identifyManifest(read, this.path);\n      if (this.#last?.kind === "manifest" && this.#last.manifest.version === manifest.version) return this.#last;\n',
      },
    ],
    caughtBy: { file: follow, title: "a foreign writer that alternates {a,1} and {b,1} is followed" },
    says: /AssertionError/,
  },
  {
    name: "a pin that is not compared with its path after it was locked",
    edits: [
      {
        file: "reader/pin.ts",
        find: " && sameInode(await file.stat(), platform.files.statNow(path))",
        replace: " && sameInode(await file.stat(), await file.stat())",
      },
    ],
    caughtBy: { file: "test/reader/pin.test.ts", title: "a pin that prune deletes between" },
    says: /AssertionError/,
  },
  {
    name: "a generation that closes under its borrowers",
    edits: [{ file: "reader/pool.ts", find: "generation.drain(this.#drainTimeoutMs));", replace: "generation.discard());" }],
    caughtBy: { file: "test/reader/generation.test.ts", title: "the old generation closes when its last borrower returns" },
    says: /AssertionError/,
  },
];

/** Every kept variant. */
export const variants: readonly Variant[] = [
  ...durability,
  ...releases,
  ...locks,
  ...readers,
  ...keeping,
  ...leasing,
  ...telling,
  ...serving,
  ...scoping,
  ...announcing,
  ...building,
];
