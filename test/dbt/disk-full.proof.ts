import { rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";
import { outcomes } from "./outcomes.ts";
import { onSmallVolume, whyNoVolume } from "./small-volume.ts";
import { whyNoDbt } from "./support.ts";
import { dbtWords, tinyWorkspace, type DbtWorkspace } from "./workspace.ts";

const lacks = whyNoDbt || whyNoVolume();
const run = dbtWords("run");

/** Far more than a build by the tiny project needs, and far less than `large`. */
const bytes = 24 * 1024 * 1024;

const large = {
  "models/large.sql": "{{ config(materialized='external') }}\nselect md5(range::varchar) as word from range(3000000)",
};

describe.skipIf(lacks !== "")("a disk that is full", () => {
  const through = whenThrough();
  let marts: DbtWorkspace;

  beforeAll(async () => {
    const cwd = temporaryFolder(through);
    marts = tinyWorkspace(cwd, await onSmallVolume(cwd, { bytes, whenDone: through }));
  });

  test("in the middle of dbt: a failed build, which says so, and gives its space back", async () => {
    await marts.comesTo(outcomes.built, () => marts.publish(run));
    const { error } = await marts.comesTo(outcomes.diskFullInDbt, () => marts.edited(large, () => marts.publish(run)));
    expect(error?.message).toMatch(/exited with code [12]: dbt .*No space left on device/);
  });

  test("behind dbt, while we seal: its own code and exit; the next publish works", async () => {
    const filling = `${run.join(" ")} && { dd if=/dev/zero of=data/fill bs=64k; true; }`;
    const { error } = await marts.comesTo(outcomes.diskFullAfter, () => marts.publish(["sh", "-c", filling]));
    expect(error).toMatchObject({ message: expect.stringContaining("ENOSPC"), hint: expect.stringContaining("Free some space") });
    rmSync(join(marts.folder(), "../fill"));
    await marts.comesTo(outcomes.built, () => marts.publish(run));
  });
});

test.runIf(lacks !== "")("a disk that is full is not tried", () => {
  process.stdout.write(`skipped: ${lacks}\n`);
});
