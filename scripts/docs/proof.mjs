// The page docs/proof.md, from what the proofs wrote into `.proof/`.

/**
 * Chapters in their order: area, title, what was done and how.
 *
 * @type {readonly (readonly [area: string, title: string, text: string])[]}
 */
const chapters = [
  [
    "crashes",
    "Crashes and power cuts, modelled",
    "The real publish, rollback, adopt, prune, operators' pins and their recovery run on a file system in memory that keeps what is durable apart from what is only in the cache. At every file operation the process dies, or the power goes: then any subset of the folder entries that were not fsynced is on the disk, and content that was not fsynced is old, empty, torn or zeros. Every image is audited, the next command runs on it, and the result is audited again. A store of layout `releases` keeps two here: on every image those that it has to keep are whole, and a release that was ever active is whole or gone.",
  ],
  [
    "interleavings",
    "Interleavings, modelled",
    'Several writers, readers and prune run as processes on the same file system in memory; a scheduler decides before every file operation that others can tell who goes on. To take the turn from a process that could go on, to let time pass meanwhile or to kill it is an interference: all orders with so many of them are run, and random ones with more, once with all of it in one tick of the clock and once with a time of its own for every change. At each step a monitor looks who holds the writer lock, whether what is active or kept is whole and what its record says, and whether a release or its pin goes away without its pin being held for that; each answer is held against what was active. "Within a reader\'s turn": the writer comes in also between two calls that the reader makes without waiting.',
  ],
  [
    "faults",
    "Failing system calls",
    "A library between the process and the C library lets the n-th call of a kind fail, for every n, on files of the store. Each operation runs in a long-lived process that has the real engine, in a fresh folder; only the hashing is done in that process instead of a child of it. Then what it said is compared with what lies there, an fsync that failed must not have been asked again, and the next publish must work without faults. The engine's own calls on a build's file fail, too: that is a failed build. The same sweep at the platform port needs neither a compiler nor Linux.",
  ],
  [
    "kills",
    "kill -9",
    "A real process is killed at each failpoint of an operation, and the process that recovers is killed, too. Which failpoints an operation passes is recorded first; one in the sources that none passes fails the proof. After each kill the store is audited by its documented format alone.",
  ],
  [
    "power-cuts",
    "Power cuts on a real file system",
    "A loop-mounted file system is shut down under a writing process as if it lost its device: nothing more is written, the log included; what is only in a cache is gone. Then it is mounted again, its journal is replayed, and the store is audited. A disk that reorders what it was given is not part of this; the model has that.",
  ],
  [
    "mutants",
    "Broken variants",
    "Each variant leaves out or weakens one step of a protocol. The tests run against it, and the named one must fail.",
  ],
  ["locks", "Locks", "Two processes, one lock."],
  ["signals", "Signals", "Ctrl-C and SIGTERM at every phase of a publish."],
  ["platforms", "Other platforms", "The behaviour of Windows and macOS, injected behind the platform port on Linux."],
  [
    "manifests",
    "Manifests of any shape",
    "Each shape lies in the place of the manifest under a serving reader, a starting one, and the command line.",
  ],
  ["slots", "Slot files of any shape", "Each shape lies in the place of a data file."],
  ["command-line", "The command line", "What people and other programs do to a command."],
  [
    "containers",
    "Containers",
    "The services of `deploy/containers/compose.yaml` without an engine: each has a root of its own that is read-only, mounts, process numbers and a host's name of its own, and a user without any capability, made of the kernel's namespaces. Users, mounts, variables and the API's command are read from the file. Images, networks and limits of memory are not part of it; a small build stands for dbt.",
  ],
  ["soak", "Soak", "A publisher, readers and random kills for minutes; a checker reads what each of them wrote down."],
];

const notCovered = `## What is not covered

- **Network file systems.** Publishing is refused there; reading over one (\`allowNetworkFs\`) is not proven.
- **Windows and macOS.** Only their known behaviour, injected behind the platform port on Linux. No run on the systems themselves is part of this proof.
- **Other Linux file systems.** btrfs, ZFS, overlayfs and bcachefs were not cut off from power.
- **Lying hardware.** A disk that acknowledges a flush and loses the data afterwards loses what was acknowledged; so does every database on it.
- **The model's own assumptions.** A rename is atomic: after a crash a file is at the old name, the new one, or both, never at none; a folder is at one of the two. Content that was fsynced stays as it was.
- **DuckDB itself.** What it writes into a build's file is its own business; a build is fsynced, hashed and opened again before it is switched to.
`;

/** @typedef {{ operation: string, fault: string, outcome: string, count: number, skipped?: string }} Row */

/**
 * The page. `results` has the parts of each area in any order.
 *
 * @param {readonly { area: string, part: string, rows: readonly Row[] }[]} results
 */
export function proofPage(results) {
  const intro = `# Proof

What was done to Lockkeeper, and what came of it. \`npm run proof\` does all of it again and \`npm run docs:proof\` writes this page from what it found; CI holds the two
equal, but for the counts that depend on chance or on time. A row is here only because its assertions passed; "skipped" says why something could not be tried where the page was written.
`;
  const sections = chapters.flatMap(([area, title, text]) => {
    const rows = rowsOf(results, area);
    return rows.length === 0 ? [] : [`## ${title}\n\n${text}\n\n${table(rows)}`];
  });
  return [intro, ...sections, notCovered].join("\n");
}

/**
 * Lines that differ between a page and a run, counts apart. What one of the two could not try may stand in the other as tried.
 *
 * @param {string} page
 * @param {Parameters<typeof proofPage>[0]} results
 */
export function proofDifferences(page, results) {
  const documented = new Map(parseRows(page).map((cells) => [cells.slice(0, 2).join(" | "), cells[2]]));
  const differences = [];
  for (const [area] of chapters) {
    for (const row of rowsOf(results, area)) {
      const key = `${row.operation} | ${row.fault}`;
      const outcome = documented.get(key);
      documented.delete(key);
      if (outcome === undefined) differences.push(`not in the page: ${key}`);
      else if (row.skipped === undefined && !outcome.startsWith("skipped: ") && outcome !== row.outcome)
        differences.push(`${key}: the page says "${outcome}", the run "${row.outcome}"`);
    }
  }
  return [...differences, ...[...documented.keys()].map((key) => `not in the run: ${key}`)];
}

/** @param {Parameters<typeof proofPage>[0]} results @param {string} area */
function rowsOf(results, area) {
  const parts = results.filter((result) => result.area === area).toSorted((left, right) => (left.part < right.part ? -1 : 1));
  return parts.flatMap(({ rows }) => rows);
}

/** @param {readonly Row[]} rows */
function table(rows) {
  const lines = rows.map(({ operation, fault, outcome, count, skipped }) =>
    skipped === undefined
      ? `| ${operation} | ${fault} | ${outcome} | ${count.toLocaleString("en")} |`
      : `| ${operation} | ${fault} | skipped: ${skipped} | 0 |`,
  );
  return ["| operation | fault | outcome | times |", "|---|---|---|--:|", ...lines, ""].join("\n");
}

/** @param {string} page */
function parseRows(page) {
  const lines = page.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| operation "));
  return lines.map((line) => line.slice(2, -2).split(" | "));
}
