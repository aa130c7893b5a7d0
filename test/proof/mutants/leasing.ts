import type { Variant } from "./variant.ts";

const crashes = "test/proof/crashes/crashes.test.ts";
const interleavings = "test/proof/interleavings/interleavings.test.ts";

/** Detached builds: what `build begin` promises, who sweeps, and what a commit goes on from. */
export const leasing: readonly Variant[] = [
  {
    name: "a lease that is not durable when `build begin` answers",
    edits: [
      {
        file: "release/detached/lease-file.ts",
        find: '  await replaceFile(store.platform, { path: store.paths.lease(lease.build), bytes: renderLease(written), failpoint: "lease" });',
        replace: `  void replaceFile;
  const file = await store.platform.files.open(store.paths.lease(lease.build), "update");
  await file.write(renderLease(written), 0);
  await file.close();`,
      },
    ],
    caughtBy: { file: crashes, title: "build begin: whatever" },
    says: /after success, build [0-9a-f]+ is gone|is not JSON|is no lease/,
  },
  {
    name: "a copy of the active release that is not durable when `build begin --base active` answers",
    edits: [
      {
        file: "release/detached/begin.ts",
        find: "      if (options.base) await makeCopyDurable(store, folder);\n",
        replace: "      void makeCopyDurable;\n",
      },
    ],
    caughtBy: { file: crashes, title: "build begin --base active: whatever" },
    says: /a commit ended with|is torn or missing/,
  },
  {
    name: "an aborted build that a power cut brings back, whole or half removed",
    edits: [
      {
        file: "release/build/folder.ts",
        find: "    await platform.files.syncFolder(dirname(folder));\n",
        replace: "    void dirname(folder);\n",
      },
    ],
    caughtBy: { file: crashes, title: "build abort: whatever" },
    says: /after success, build [0-9a-f]+ is open|a commit ended with BUILD_EMPTY/,
  },
  {
    name: "a commit that does not go on from the one that died",
    edits: [
      {
        file: "release/detached/commit.ts",
        find: "  const done = await resumeCommit(store, build, options);\n  if (done) return done;\n",
        replace: "  void resumeCommit;\n",
      },
    ],
    caughtBy: { file: crashes, title: "build commit: whatever" },
    says: /ended with/,
  },
  {
    name: "a commit of what is out already, where a power cut left its data in the build's folder as well",
    edits: [
      {
        file: "release/detached/resume.ts",
        find: "  if (isDatabaseOnly(store.artifacts)) return recordsOfFile(store, build.path, { among: records, signal });",
        replace: "  void signal;\n  return [];",
      },
    ],
    caughtBy: {
      file: "test/release/detached/kills.test.ts",
      title: "the folder of a committed build that a power cut brings back",
    },
    says: /AssertionError/,
  },
  {
    name: "a sweep that takes no lock of the build's folder",
    edits: [
      {
        file: "release/detached/sweep.ts",
        find: 'ours = locks.tryLock(file, "exclusive") && sameInode(',
        replace: "ours = sameInode(",
      },
    ],
    caughtBy: { file: interleavings, title: "a detached build whose lease expired" },
    says: /whose lock it does not hold/,
  },
  {
    name: "a commit of a copy that does not compare what it was copied from",
    edits: [
      {
        file: "release/detached/commit.ts",
        find: "  if (!base.copied) return { release, version, path };",
        replace: '  if (release !== "") return { release, version, path };',
      },
    ],
    caughtBy: { file: interleavings, title: "a detached build that began as a copy" },
    says: /it ended with/,
  },
  {
    name: "a lease that runs by the wall clock",
    edits: [
      {
        file: "release/detached/lease-file.ts",
        find: "uptimeMs: clock.uptimeMs() };",
        replace: "uptimeMs: clock.now().getTime() };",
      },
    ],
    caughtBy: {
      file: "test/release/detached/sweep.test.ts",
      title: "a lease in force keeps a build whoever sweeps: the clock jumped",
    },
    says: /AssertionError|BUILD_UNKNOWN/,
  },
];
