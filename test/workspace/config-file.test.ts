import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LockkeeperError } from "../../src/errors/lockkeeper-error.ts";
import { findConfig, loadConfig } from "../../src/workspace/config-file.ts";
import { temporaryFolder } from "../support/temporary.ts";

const before = process.cwd();
let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
  vi.stubEnv("LOCKKEEPER_CONFIG", "");
});

afterEach(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
});

function write(path: string, text = "format = 1\n"): string {
  const whole = join(folder, path);
  mkdirSync(join(whole, ".."), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

async function failure(action: Promise<unknown>): Promise<LockkeeperError> {
  const error: unknown = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LockkeeperError);
  return error as LockkeeperError;
}

describe("which file counts: option, then LOCKKEEPER_CONFIG, then the nearest upwards", () => {
  it("the nearest of two upwards", async () => {
    write("lockkeeper.toml");
    const near = write("a/lockkeeper.toml");
    mkdirSync(join(folder, "a/b/c"), { recursive: true });
    process.chdir(join(folder, "a/b/c"));
    expect(await loadConfig()).toMatchObject({ path: near, folder: join(folder, "a"), config: { format: 1, stores: {} } });
  });

  it("LOCKKEEPER_CONFIG before the search, the option before both", async () => {
    write("lockkeeper.toml");
    const named = write("named.toml");
    const option = write("option.toml");
    process.chdir(folder);
    vi.stubEnv("LOCKKEEPER_CONFIG", "named.toml");
    expect((await findConfig({})).path).toBe(named);
    expect((await findConfig({ config: "option.toml" })).path).toBe(option);
  });

  it("a link to itself is named as what it is", async () => {
    symlinkSync("lockkeeper.toml", join(folder, "lockkeeper.toml"));
    await expect(loadConfig({ config: join(folder, "lockkeeper.toml") })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("lockkeeper.toml is a link that leads back to itself"),
    });
  });

  it("follows a link, as mounted configurations are", async () => {
    write("real.toml");
    symlinkSync("real.toml", join(folder, "lockkeeper.toml"));
    process.chdir(folder);
    expect((await loadConfig()).path).toBe(join(folder, "lockkeeper.toml"));
  });

  it("CONFIG_MISSING names what was looked for and by whom it was named", async () => {
    process.chdir(folder);
    const search = await failure(loadConfig());
    expect(search).toMatchObject({ code: "CONFIG_MISSING", exit: 2, message: expect.stringContaining(folder) });
    vi.stubEnv("LOCKKEEPER_CONFIG", "gone.toml");
    expect(await failure(loadConfig())).toMatchObject({
      code: "CONFIG_MISSING",
      hint: expect.stringContaining("LOCKKEEPER_CONFIG"),
    });
    expect(await failure(loadConfig({ config: "gone.toml" }))).toMatchObject({ hint: expect.stringContaining("--config") });
  });

  it("an absolute option needs no working folder; a search says that it is gone", async () => {
    const named = write("named.toml");
    mkdirSync(join(folder, "gone"));
    process.chdir(join(folder, "gone"));
    rmSync(join(folder, "gone"), { recursive: true });
    expect((await loadConfig({ config: named })).path).toBe(named);
    expect(await failure(loadConfig())).toMatchObject({ code: "USAGE", message: expect.stringContaining("working folder") });
  });
});

describe("a file that cannot be read as a configuration", () => {
  it.each([
    ["a TOML fault with its line and column", "format = 1\nx = \n", /lockkeeper\.toml:2:5: invalid value$/],
    ["a key said twice", "format = 1\nformat = 1\n", /lockkeeper\.toml:2:1: /],
  ])("%s", async (_what, text, message) => {
    const path = write("lockkeeper.toml", text);
    expect(await failure(loadConfig({ config: path }))).toMatchObject({
      code: "CONFIG_INVALID",
      exit: 2,
      message: expect.stringMatching(message),
    });
  });

  it("bytes that are not UTF-8, too many bytes, a folder", async () => {
    const path = join(folder, "lockkeeper.toml");
    writeFileSync(path, Buffer.from([0x66, 0xff]));
    expect(await failure(loadConfig({ config: path }))).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("UTF-8"),
    });
    writeFileSync(path, Buffer.alloc(1_048_577, "#"));
    expect(await failure(loadConfig({ config: path }))).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("1048577 bytes"),
    });
    expect(await failure(loadConfig({ config: folder }))).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("regular file"),
    });
  });

  it("a byte order mark is no fault", async () => {
    const path = write("lockkeeper.toml", "\uFEFFformat = 1\n");
    expect((await loadConfig({ config: path })).config.format).toBe(1);
  });

  it("says the first fault and carries all of them", async () => {
    const path = write("lockkeeper.toml", "format = 2\nstroes = 1\n");
    const error = await failure(loadConfig({ config: path }));
    expect(error).toMatchObject({ code: "CONFIG_INVALID", subject: "stroes", message: expect.stringContaining("(and 1 more)") });
    expect(error.findings?.map((finding) => finding.subject)).toEqual(["stroes", "format"]);
    expect(error.toJSON()).toMatchObject({ findings: error.findings });
  });

  it("FEATURE_MISSING when the first fault is a planned part", async () => {
    const path = write("lockkeeper.toml", "format = 1\n[vault]\n");
    expect(await failure(loadConfig({ config: path }))).toMatchObject({ code: "FEATURE_MISSING", subject: "vault", exit: 2 });
  });
});
