/** What `startOperation` has at hand, and the compiled modules it comes from. */
export const operationModules = {
  duckdbEngine: "engine/duckdb/engine.js",
  sqliteEngine: "engine/sqlite/engine.js",
  nodePlatform: "platform/node.js",
  openReleaseStore: "release/open.js",
  publish: "release/publish.js",
  rollback: "release/rollback.js",
  adopt: "release/adopt.js",
  pruneReleases: "release/prune.js",
  pinRelease: "release/marks.js",
  beginBuild: "release/detached/begin.js",
  commitBuild: "release/detached/commit.js",
  abortBuild: "release/detached/abort.js",
  renewBuild: "release/detached/renew.js",
};

/** The variable that says where they lie in one file, which `global-setup.ts` makes once a run: hundreds of processes load them. */
export const operationBundle = "LOCKKEEPER_TEST_BUNDLE";
