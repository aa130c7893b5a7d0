import { symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { put, putFifo, putFolder, putLink, putSocket } from "../support/place.ts";
import { refused, type ManifestCase, type ManifestShape } from "./manifest-shape.ts";

const link = (target: string): ManifestCase => ({ label: target, lay: ({ manifest }) => putLink(manifest, target) });

function placed(name: string, kind: string, cases: (good: Buffer) => readonly ManifestCase[]): ManifestShape {
  return refused(name, "text", { cases, says: `is not a regular file (${kind})` });
}

/** What lies in the manifest's place is no regular file. */
export const manifestPlaces: readonly ManifestShape[] = [
  placed("a FIFO that nobody writes to", "other", () => [{ label: "FIFO", lay: ({ manifest }) => putFifo(manifest) }]),
  placed("a socket", "other", () => [{ label: "socket", lay: ({ manifest }) => putSocket(manifest) }]),
  placed("a link to a manifest in the folder", "symlink", (good) => [
    {
      label: "a good one",
      lay({ folder, manifest }) {
        writeFileSync(join(folder, "other.json"), good);
        putLink(manifest, "other.json");
      },
    },
  ]),
  placed("a link out of the folder", "symlink", (good) => [
    {
      label: "to a good one",
      lay({ folder, manifest }) {
        writeFileSync(join(dirname(folder), "out.json"), good);
        putLink(manifest, "../out.json");
      },
    },
    link("/etc/passwd"),
  ]),
  placed("a link to itself, or two to each other", "symlink", () => [
    link("db_manifest.json"),
    {
      label: "two",
      lay({ folder, manifest }) {
        put(join(folder, "second.json"), (made) => symlinkSync("db_manifest.json", made));
        putLink(manifest, "second.json");
      },
    },
  ]),
  placed("a link to nowhere", "symlink", () => [link("nowhere.json"), link("/nowhere/manifest.json"), link("other/")]),
  placed("a link to a device", "symlink", () => ["/dev/zero", "/dev/full", "/dev/tty", "/dev/stdin"].map(link)),
  placed("a folder", "folder", () => [
    { label: "empty", lay: ({ manifest }) => putFolder(manifest) },
    {
      label: "with a manifest in it",
      lay({ manifest }) {
        putFolder(manifest);
        writeFileSync(join(manifest, "db_manifest.json"), `{"active": "b", "version": 7}`);
      },
    },
  ]),
];
