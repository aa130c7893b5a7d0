import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../house/sources.ts";
import { startProgram } from "../../support/child.ts";
import { copiedFiles, dockerfile } from "../../support/deployment.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { proofLedger } from "../ledger.ts";

const ledger = proofLedger("containers", "image");

/** Does what the stage says, in a folder instead of an image, with the modules of this checkout instead of `npm ci`. */
async function runStage(stage: string, place: string): Promise<void> {
  const build = join(place, "build");
  const pack = join(place, "pack");
  mkdirSync(build);
  for (const instruction of dockerfile().filter((each) => each.stage === stage)) {
    if (instruction.name === "COPY") {
      for (const { source, target } of copiedFiles(instruction)) {
        mkdirSync(dirname(join(build, target)), { recursive: true });
        cpSync(join(root, source), join(build, target), { recursive: true });
      }
    } else if (instruction.text === "npm ci") {
      symlinkSync(realpathSync(join(root, "node_modules")), join(build, "node_modules"));
    } else if (instruction.name === "RUN") {
      const child = startProgram(["sh", "-c", instruction.text.replaceAll("/pack", pack)], { cwd: build });
      expect([(await child.ended).code, child.stderr()]).toEqual([0, expect.any(String)]);
    }
  }
}

test("the Dockerfile's first stage, run in a folder, packs what the images need, and its program starts", async () => {
  const place = temporaryFolder();
  await runStage("build", place);
  const packed = join(place, "pack", "package");
  const { files, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly files: readonly string[];
    readonly version: string;
  };
  expect(readdirSync(packed).toSorted()).toEqual(
    [...files.filter((name) => !name.startsWith("!")), "LICENSE", "README.md", "package.json"].toSorted(),
  );
  expect(existsSync(join(packed, "dist", ".tsbuildinfo"))).toBe(false);
  const program = join(packed, "dist", "bin", "lockkeeper.js");
  expect(statSync(program).mode & 0o111).toBe(0o111);
  for (const name of ["probe.mjs", "extensions.py"]) expect(existsSync(join(packed, "deploy", "containers", name))).toBe(true);
  symlinkSync(realpathSync(join(root, "node_modules")), join(packed, "node_modules"));
  // As the image has it: through the link of a folder of programs.
  symlinkSync(program, join(place, "lockkeeper"));
  const child = startProgram([join(place, "lockkeeper"), "--version"]);
  expect([await child.ended, child.stdout()]).toEqual([{ code: 0, signal: null }, `${version}\n`]);
  ledger.add({
    operation: "the steps of the Dockerfile's stage `build`",
    fault: "run in a folder, not in an image; with this checkout's modules",
    outcome: "what the package lists, and a program that starts through a link",
    count: 1,
  });
});
