import type { Variant } from "./variant.ts";

const crashes = "test/proof/crashes/crashes.test.ts";
const interleavings = "test/proof/interleavings/interleavings.test.ts";
const artifactsRefused = "test/release/artifacts/refused.test.ts";
const retention = "test/release/retention.test.ts";

/** What layout `releases` keeps, and what prune removes. */
export const keeping: readonly Variant[] = [
  {
    name: "a prune that asks no pin's lock",
    edits: [
      {
        file: "release/retention.ts",
        find: '    if (!locks.tryLock(file, "exclusive")) return false;\n',
        replace: "    void locks;\n",
      },
    ],
    caughtBy: { file: interleavings, title: "a release of layout `releases` that a reader opens" },
    says: /whose pin it does not hold/,
  },
  {
    name: "a prune that lets go of a pin before the data is gone",
    edits: [
      {
        file: "release/retention.ts",
        find: "return false;\n    await action();",
        replace: "return false;\n    locks.unlock(file);\n    await action();",
      },
    ],
    caughtBy: { file: interleavings, title: "a release of layout `releases` that a reader opens" },
    says: /whose pin it does not hold/,
  },
  {
    name: "a prune of the release that was active before",
    edits: [
      {
        file: "release/layout/retained.ts",
        find: "  if (release === own.previous?.release) return",
        replace: '  if (release === own.previous?.release && store.name === "") return',
      },
    ],
    caughtBy: { file: crashes, title: "releases prune (layout releases): whatever" },
    says: /r00000[12] is kept without a record/,
  },
  {
    name: "an operator's pin that prune does not look at",
    edits: [
      {
        file: "release/layout/retained.ts",
        find: "  if (mark && isInForce(store, mark)) return",
        replace: "  if (mark && !isInForce(store, mark)) return",
      },
    ],
    caughtBy: { file: crashes, title: "releases pin (layout releases): whatever" },
    says: /r000001 is kept without a record/,
  },
  {
    name: "an operator's pin that is not fsynced",
    edits: [
      {
        file: "release/marks.ts",
        find: `      await replaceFile(store.platform, {
        path: store.paths.mark(release),
        bytes: Buffer.from(\`\${JSON.stringify(mark, null, 2)}\\n\`),
        failpoint: "mark",
      });`,
        replace: `      void replaceFile;
      const file = await store.platform.files.open(store.paths.mark(release), "create");
      await file.write(Buffer.from(JSON.stringify(mark)), 0);
      await file.close();`,
      },
    ],
    caughtBy: { file: crashes, title: "releases pin (layout releases): whatever" },
    says: /operator's pin/,
  },
  {
    name: "an operator's pin that is set without the writer lock",
    edits: [
      {
        file: "release/marks.ts",
        find: '  return underWriterLock(store, { ...options, purpose: "pin" }, async () => {',
        replace: "  void underWriterLock;\n  return (async (run: () => Promise<T>) => run())(async () => {",
      },
    ],
    caughtBy: { file: interleavings, title: "an operator's pin and a prune" },
    says: /without holding the writer lock/,
  },
  {
    name: "a prune that judges before it has the writer lock",
    edits: [
      {
        file: "release/prune.ts",
        find: "    const pruned = await underWriterLock(",
        replace: "    const judged = await planPrune(store);\n    const pruned = await underWriterLock(",
      },
      { file: "release/prune.ts", find: "applyPrune(store, await planPrune(store));", replace: "applyPrune(store, judged);" },
    ],
    caughtBy: { file: interleavings, title: "an operator's pin and a prune" },
    says: /r000001/,
  },
  {
    name: "a release folder that is not fsynced after the install",
    edits: [
      {
        file: "release/layout/releases.ts",
        find: "    await platform.files.syncFolder(paths.releases);\n",
        replace: "",
      },
    ],
    caughtBy: { file: crashes, title: "publish that prunes, beside a pinned release (layout releases): whatever" },
    says: /is kept without a record/,
  },
  {
    name: "a rollback to what lies in the cache only",
    edits: [
      {
        file: "release/rollback.ts",
        find: '  await store.platform.files.syncFolder(stored.record.layout === "releases" ? store.paths.releases : dirname(path));\n',
        replace: "  void dirname(path);\n",
      },
    ],
    caughtBy: { file: crashes, title: "rollback --to a release whose publisher was killed (layout releases): whatever" },
    says: /is kept without a record/,
  },
  {
    name: "a rollback to a release without a pin",
    edits: [
      {
        file: "release/rollback.ts",
        find: "  await writePin(store, stored.record.release);\n",
        replace: "  void [writePin, stored];\n",
      },
    ],
    caughtBy: { file: crashes, title: "releases prune (layout releases): whatever" },
    says: /is active without a pin file/,
  },
  {
    name: "a prune that deletes a release where it lies",
    edits: [
      {
        file: "release/retention.ts",
        find: "      if ((await files.stat(path)) !== undefined) await moveToTrash(store, path);",
        replace: "      await removeTree(store.platform, path);",
      },
    ],
    caughtBy: { file: crashes, title: "releases prune (layout releases): whatever" },
    says: /is kept(, and| without)/,
  },
  {
    name: "a trash that is emptied before its moves are durable",
    edits: [
      {
        file: "release/retention.ts",
        find: "      if ((await files.stat(folder)) !== undefined) await files.syncFolder(folder);\n",
        replace: "      void folder;\n",
      },
    ],
    caughtBy: { file: crashes, title: "releases prune (layout releases): whatever" },
    says: /is kept(, and| without)/,
  },
  {
    name: "a Parquet file that is not fsynced",
    edits: [{ file: "release/build/seal.ts", find: "{ sync: true, signal }", replace: "{ sync: false, signal }" }],
    caughtBy: { file: crashes, title: "publish of several files that prunes and shares one" },
    says: /is torn or missing|holds another build/,
  },
  {
    name: "folders of a release that are not fsynced before it is moved",
    edits: [
      {
        file: "release/artifacts/stage.ts",
        find: '    await platform.files.syncFolder(folder);\n  await platform.failpoint("stage.done");',
        replace: '    void folder;\n  await platform.failpoint("stage.done");',
      },
    ],
    caughtBy: { file: crashes, title: "publish of several files that prunes and shares one" },
    says: /is torn or missing|holds another build/,
  },
  {
    name: "a file of another release that is given to a builder",
    edits: [{ file: "release/artifacts/stage.ts", find: "shared: stat.links > 1 }", replace: "shared: false }" }],
    caughtBy: { file: artifactsRefused, title: "a build whose switch failed has its files back" },
    says: /AssertionError/,
  },
  {
    name: "a file that is moved without a look at whether it changed",
    edits: [
      {
        file: "release/artifacts/stage.ts",
        find: "  if (!isUnchanged(await files.stat(source), file.stat)) throw changed(source);",
        replace: "  void [isUnchanged, files];",
      },
    ],
    caughtBy: { file: artifactsRefused, title: "a file that changes after it was hashed" },
    says: /AssertionError/,
  },
  {
    name: "a hard link to a file that is not hashed",
    edits: [
      {
        file: "release/artifacts/share.ts",
        find: "    if (await isStillSealed(store, source, same)) await",
        replace: "    void isStillSealed;\n    await",
      },
    ],
    caughtBy: { file: "test/release/artifacts/publish.test.ts", title: "a file that did not change is the same file" },
    says: /AssertionError/,
  },
  {
    name: "a hard link to the build's own file",
    edits: [
      {
        file: "release/artifacts/share.ts",
        find: 'await linkOver(store, source, join(staging, ...file.name.split("/")));',
        replace: 'await linkOver(store, join(staging, ...file.name.split("/")), source);',
      },
    ],
    caughtBy: { file: "test/release/artifacts/publish.test.ts", title: "what a build still has open is no file of a release" },
    says: /AssertionError/,
  },
  {
    name: "a SQLite file that is not looked through",
    edits: [
      { file: "engine/sqlite/seal-here.ts", find: "    assertIntact(database, path);\n", replace: "    void assertIntact;\n" },
    ],
    caughtBy: { file: "test/engine/sqlite/seal.test.ts", title: "sealing an index that lacks a row is told" },
    says: /AssertionError/,
  },
  {
    name: "a SQLite file that keeps its write-ahead log",
    edits: [{ file: "engine/sqlite/seal-here.ts", find: "    fold(database, path);\n", replace: "    void fold;\n" }],
    caughtBy: { file: "test/engine/sqlite/seal.test.ts", title: "sealing rows that a killed writer left in its write-ahead log" },
    says: /AssertionError/,
  },
  {
    name: "a fallback of Parquet files that is not looked at for a file's end",
    edits: [
      {
        file: "reader/fallback/fallback.ts",
        find: "    await source.assertWhole(data);\n",
        replace: "",
      },
    ],
    caughtBy: { file: "test/reader/fallback-parquet.test.ts", title: "a file without an end is waited for" },
    says: /DATABASE_CORRUPT/,
  },
  {
    name: "a fallback of Parquet files that is told apart by their names alone",
    edits: [
      {
        file: "reader/fallback/parquet-files.ts",
        find: 'const state = files.map((path) => keyOf(stats.get(path))).join(" ");',
        replace: 'void keyOf;\n      const state = "";',
      },
    ],
    caughtBy: { file: "test/reader/fallback-parquet.test.ts", title: "what is written there is served from the next request on" },
    says: /AssertionError/,
  },
  {
    name: "data files of releases that can be written",
    edits: [{ file: "release/artifacts/stage.ts", find: "const dataMode = 0o444;", replace: "const dataMode = 0o644;" }],
    caughtBy: { file: retention, title: "the newest are kept, each in a folder of its own, read-only" },
    says: /AssertionError/,
  },
];
