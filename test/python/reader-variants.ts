import type { Variant } from "../proof/mutants/variant.ts";

const follow = "test/python/reader.test.ts";
const races = "test/python/reader-races.test.ts";
const folder = "lockkeeper_reader";

/** Broken variants of the reader for Python; `file` is below `clients/python/`. */
export const readerVariants: readonly Variant[] = [
  {
    name: "the manifest not compared again after the file was opened",
    edits: [
      {
        file: `${folder}/_opening.py`,
        find: "            try:\n                verify()\n            except BaseException:\n                leased.release()\n                raise\n",
        replace: "",
      },
    ],
    caughtBy: { file: races, title: "FACTS 5: a reader that stalls between manifest and file" },
    says: /r000001/,
  },
  {
    name: "versions compared, not identities",
    edits: [
      {
        file: `${folder}/_manifest.py`,
        find: 'identity = f"{key}:{hashlib.sha256(found).hexdigest()}"',
        replace: "identity = str(_parse_manifest(found, self.path).version)",
      },
    ],
    caughtBy: { file: follow, title: "FACTS 5: other programs that repeat versions" },
    says: /v1-a/,
  },
  {
    name: "a young manifest trusted by its times",
    edits: [{ file: `${folder}/_manifest.py`, find: ">= YOUNG_S", replace: ">= -YOUNG_S" }],
    caughtBy: { file: races, title: "FACTS 5: a manifest written in place twice" },
    says: /AssertionError/,
  },
  {
    name: "the old release closed at once",
    edits: [
      { file: `${folder}/_release.py`, find: "            idle = self.holds == 0\n", replace: "            idle = True\n" },
    ],
    caughtBy: { file: follow, title: "a borrow keeps its release over a switch" },
    says: /ended without a line|exit 1|to be \+?0/,
  },
  {
    name: "no end of a replaced release that is held for too long",
    edits: [
      { file: `${folder}/_release.py`, find: "                    cursor.interrupt()\n", replace: "                    pass\n" },
    ],
    caughtBy: { file: races, title: "a long query ends on the release it began on" },
    says: /never interrupted/,
  },
  {
    name: "no look at whether a release still takes requests",
    edits: [
      {
        file: `${folder}/_release.py`,
        find: '            if self.state != "active":\n                return False\n',
        replace: "",
      },
    ],
    caughtBy: { file: races, title: "a request that stalls between what serves and its hold" },
    says: /ended without a line/,
  },
  {
    name: "no pins",
    edits: [{ file: `${folder}/_opening.py`, find: "    if target.pin is None:", replace: "    if True:" }],
    caughtBy: { file: races, title: "prune leaves a release that Python reads" },
    says: /r000002/,
  },
  {
    name: "a pin file that lies nowhere trusted",
    edits: [{ file: `${folder}/_pins.py`, find: " and os.path.samestat(os.fstat(descriptor), os.stat(path))", replace: "" }],
    caughtBy: { file: races, title: "a pin file that is deleted between opening and locking" },
    says: /ended without|exit 1/,
  },
  {
    name: "pins that a forked child keeps",
    edits: [{ file: `${folder}/_pins.py`, find: "os.register_at_fork(after_in_child=_after_fork)", replace: "" }],
    caughtBy: { file: races, title: "a forked child is refused" },
    says: /true/,
  },
  {
    name: "an instance closed while another reader uses its file",
    edits: [
      { file: `${folder}/_engine.py`, find: "    if use.users > 0:\n        return\n", replace: "" },
      {
        file: `${folder}/_engine.py`,
        find: "        if any(_inodes[other].users > 0 for other in held.keys if other in _inodes):\n            continue\n",
        replace: "",
      },
    ],
    caughtBy: { file: races, title: "FACTS 1.3: readers of one file share its lock" },
    says: /AssertionError|ended without a line|already closed/,
  },
  {
    name: "a release that was not warmed left open",
    edits: [{ file: `${folder}/_opening.py`, find: "                generation.discard()\n", replace: "" }],
    caughtBy: { file: follow, title: "a release that cannot be opened or warmed" },
    says: /ended without a line/,
  },
  {
    name: "connections that borrowers had to themselves lent again",
    edits: [
      {
        file: `${folder}/_release.py`,
        find: "        self._clean = False\n        return cursor\n",
        replace: "        return cursor\n",
      },
    ],
    caughtBy: { file: follow, title: "what one borrower leaves on a connection" },
    says: /already exists/,
  },
];
