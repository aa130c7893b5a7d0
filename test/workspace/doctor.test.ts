import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LockkeeperError } from "../../src/errors/lockkeeper-error.ts";
import { nodeMachine } from "../../src/platform/machine.ts";
import { publish } from "../../src/release/publish.ts";
import { loadConfig } from "../../src/workspace/config-file.ts";
import { doctor, workspaceDoctor } from "../../src/workspace/doctor/doctor.ts";
import { machineChecks, type MachineTools } from "../../src/workspace/doctor/machine.ts";
import { openWorkspace } from "../../src/workspace/workspace.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const before = process.cwd();

beforeEach(() => {
  for (const name of ["LOCKKEEPER_CONFIG", "DUCKDB_PATH"]) vi.stubEnv(name, "");
});

afterEach(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
});

const section = `[stores.holdings]\nkind = "release"\ndir = "data"\nlayout = "slots"\nbasename = "DB"\n`;

function configured(text: string): string {
  const path = join(temporaryFolder(), "lockkeeper.toml");
  writeFileSync(path, `format = 1\n${text}`);
  return path;
}

/** A machine where all is well, however this one is. */
function tools(replace: Partial<MachineTools["machine"]> = {}, more: Partial<MachineTools> = {}): MachineTools {
  const machine = {
    ...nodeMachine(),
    node: { version: "22.1.0", range: ">=20.19" },
    descriptorsMax: async () => 65_536,
    availableMemory: () => 64e9,
    processors: 4,
    timeZone: () => "Europe/Berlin",
    ...replace,
  };
  return { machine, engineVersion: async () => "v1.5.6", threads: 4, environment: {}, ...more };
}

async function failing(machine: MachineTools): Promise<[string, string][]> {
  const checks = await machineChecks(machine);
  expect(checks.map(({ name }) => name)).toEqual(["node", "duckdb", "lock_addon", "descriptors", "memory", "time_zone", "user"]);
  return checks.flatMap(({ name, status }) => (status === "pass" ? [] : [[name, status]]));
}

describe("this machine", () => {
  test("every check passes where all is well", async () => {
    expect(await failing(tools())).toEqual([]);
  });

  test.each<[string, string, MachineTools]>([
    ["node", "fail", tools({ node: { version: "18.20.0", range: ">=20.19" } })],
    ["duckdb", "fail", tools({}, { engineVersion: () => Promise.reject(new Error("no binary\n  at x")) })],
    ["lock_addon", "fail", tools({ lockAddonProblem: () => new LockkeeperError("PLATFORM_UNSUPPORTED", "no addon") })],
    ["descriptors", "warn", tools({ descriptorsMax: async () => 256 })],
    ["memory", "warn", tools({ availableMemory: () => 100e6 })],
    ["time_zone", "warn", tools({ timeZone: () => undefined }, { environment: { TZ: "Foo/Bar" } })],
  ])("%s: %s where it should be, and no other", async (name, status, machine) => {
    expect(await failing(machine)).toEqual([[name, status]]);
  });

  test("on musl it is said that there is no build, with what to do", async () => {
    const problem = new LockkeeperError("PLATFORM_UNSUPPORTED", "no kernel lock addon", { hint: "Use a Debian-based image." });
    const checks = await machineChecks(tools({ system: "linux-x64, musl", lockAddonProblem: () => problem }));
    expect(checks.find(({ name }) => name === "lock_addon")).toEqual({
      name: "lock_addon",
      status: "fail",
      observed: "no kernel lock addon (linux-x64, musl; there is no build of it for musl)",
      remedy: "Use a Debian-based image.",
    });
  });

  test("a look that throws is a failed check, never an error", async () => {
    const broken = tools({
      descriptorsMax: () => Promise.reject(new Error("odd")),
      availableMemory: () => {
        throw new TypeError("odd");
      },
    });
    expect(await failing(broken)).toEqual([
      ["descriptors", "fail"],
      ["memory", "fail"],
    ]);
  });
});

describe("the configuration", () => {
  test("none: a warning, and only the machine is looked at", async () => {
    process.chdir(temporaryFolder());
    const checks = await doctor();
    expect(checks.some(({ store }) => store !== undefined)).toBe(false);
    expect(checks.at(-1)).toMatchObject({
      name: "configuration",
      status: "warn",
      observed: expect.stringContaining("only the machine was looked at"),
    });
  });

  test("one that is named and missing, or has faults, fails", async () => {
    const folder = temporaryFolder();
    for (const config of [join(folder, "none.toml"), configured("stors = 1\n")]) {
      expect((await doctor({ config })).at(-1)).toMatchObject({ name: "configuration", status: "fail" });
    }
    vi.stubEnv("LOCKKEEPER_CONFIG", join(folder, "none.toml"));
    expect((await doctor()).at(-1)).toMatchObject({ name: "configuration", status: "fail" });
  });

  test("one that will surprise is a warning, and its stores are looked at", async () => {
    const config = configured(`${section}fallback = "none.duckdb"\n`);
    const checks = await doctor({ config });
    expect(checks.find(({ name }) => name === "configuration")).toMatchObject({
      status: "warn",
      observed: expect.stringContaining("none.duckdb does not exist"),
    });
    expect(checks.some(({ store }) => store === "holdings")).toBe(true);
  });

  test("a file of named queries with a fault fails, before what is only a surprise", async () => {
    const config = configured(`${section}fallback = "none.duckdb"\nqueries = "none.sql"\n`);
    expect((await doctor({ config })).find(({ name }) => name === "configuration")).toMatchObject({
      status: "fail",
      observed: expect.stringMatching(/none\.sql.*\(and 1 more\)$/),
    });
  });
});

describe("the stores", () => {
  test("FACTS 1.9: queries that fill the thread pool are a warning of their store", async () => {
    const loaded = await loadConfig({
      config: configured(`${section}[stores.prices]\nkind = "release"\ndir = "p"\nreader = { limits = { concurrency = 8 } }\n`),
    });
    const poolOf = async (machine: MachineTools) =>
      (await workspaceDoctor(loaded, {}, machine))
        .filter(({ name }) => name === "thread_pool")
        .map(({ store, status }) => [store, status]);
    const four = tools();
    expect(await poolOf(four)).toEqual([
      ["holdings", "pass"],
      ["prices", "warn"],
    ]);
    const nine = tools({}, { threads: 9, environment: { UV_THREADPOOL_SIZE: "9" } });
    expect(await poolOf(nine)).toEqual([
      ["holdings", "pass"],
      ["prices", "pass"],
    ]);
  });

  test("workspace.doctor() looks into the stores; a fallback in a store's folder belongs there", async () => {
    const config = configured(`${section}fallback = "data/old.duckdb"\n`);
    await publish(storeIn(join(config, "../data")), rowsBuild(1));
    writeFileSync(join(config, "../data/old.duckdb"), "");
    const workspace = await openWorkspace({ config });
    try {
      const checks = await workspace.doctor();
      expect(checks.find(({ name }) => name === "stray_files")).toMatchObject({ store: "holdings", status: "pass" });
      expect(checks.find(({ name }) => name === "kernel_locks")).toMatchObject({ store: "holdings", status: "pass" });
    } finally {
      await workspace.close();
    }
    await expect(workspace.doctor()).rejects.toMatchObject({ code: "READER_CLOSED" });
  });
});
