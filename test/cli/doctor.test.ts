import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { doctorResultSchema } from "../../src/model/doctor/check.ts";
import { publish } from "../../src/release/publish.ts";
import { storeStatus } from "../../src/release/status.ts";
import { stoppedAt, stoppingAt } from "../proof/signals/stopped.ts";
import { binPath, startProgram } from "../support/child.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { jsonOf, runCli, startCli, workspaceFolder, type CliOptions } from "./support/cli.ts";

const doctorDocument = doctorResultSchema.extend({ schema: z.literal("lockkeeper/doctor@1") });

async function doctorOf(options: CliOptions, ...words: string[]) {
  const { code, document } = await jsonOf([...words, "doctor"], options);
  const { checks } = doctorDocument.parse(document);
  expect(code).toBe(checks.some(({ status }) => status === "fail") ? 3 : 0);
  const find = (name: string) => checks.find((check) => check.name === name);
  return { code, checks, find };
}

describe("doctor", () => {
  it("exit 0 where all is well: the machine, then the store, in both forms; nothing is left behind", async () => {
    const cwd = workspaceFolder();
    await publish(storeIn(join(cwd, "data")), rowsBuild(1));
    const { code, checks, find } = await doctorOf({ cwd });
    expect(checks.filter(({ status }) => status === "fail")).toEqual([]);
    expect(code).toBe(0);
    expect(find("kernel_locks")).toMatchObject({ store: "holdings", status: "pass" });
    expect(find("duckdb")?.observed).toMatch(/^DuckDB v\d+\.\d+/);
    const { stdout, stderr } = await runCli(["doctor"], { cwd });
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^this machine\n {2}pass {2}node {11}Node \d+.*\n/);
    expect(stdout).toMatch(/\n\nholdings\n {2}pass {2}folder {9}\S+\/data\n/);
    expect(stdout).toMatch(/\n\n\d+ checks: \d+ pass, \d+ warn, 0 fail\n$/);
    expect(readdirSync(join(cwd, "data/.lockkeeper")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("exit 3 where something fails, with what to do", async () => {
    const cwd = workspaceFolder();
    await publish(storeIn(join(cwd, "data")), rowsBuild(1));
    writeFileSync(join(cwd, "data/DB_a.duckdb.wal"), "");
    const { code, find } = await doctorOf({ cwd });
    expect(code).toBe(3);
    expect(find("leftover_logs")).toMatchObject({ status: "fail", store: "holdings", remedy: expect.any(String) });
    const { code: textCode, stdout } = await runCli(["doctor"], { cwd });
    expect(textCode).toBe(3);
    expect(stdout).toMatch(
      / {2}fail {2}leftover_logs {2}\S+DB_a\.duckdb\.wal lies beside the active release.*\n {8}End that program/,
    );
    expect(stdout).toMatch(/ 1 fail\nexit 3\n$/);
  });

  it("Ctrl-C while its file is there is exit 130, and the file goes", async () => {
    const cwd = workspaceFolder();
    await publish(storeIn(join(cwd, "data")), rowsBuild(1));
    const files = () => readdirSync(join(cwd, "data/.lockkeeper")).filter((name) => name.startsWith(".doctor."));
    const child = startCli(["--json", "doctor"], { cwd, env: stoppingAt("doctor.made") });
    await stoppedAt(child, "doctor.made");
    expect(files()).toHaveLength(1);
    child.process.kill("SIGINT");
    child.process.kill("SIGCONT");
    expect(await child.ended).toEqual({ code: 130, signal: null });
    expect(child.stdout()).toBe("");
    expect(child.stderr()).toContain('"code":"INTERRUPTED"');
    expect(files()).toEqual([]);
  });

  it("killed there, it leaves a file that keeps nobody from publishing, and that a publish removes once it is an hour old", async () => {
    const cwd = workspaceFolder();
    const store = storeIn(join(cwd, "data"));
    await publish(store, rowsBuild(1));
    const own = join(cwd, "data/.lockkeeper");
    const files = () => readdirSync(own).filter((name) => name.startsWith(".doctor."));
    const child = startCli(["doctor"], { cwd, env: { LOCKKEEPER_FAILPOINTS: "doctor.made=kill" } });
    expect(await child.ended).toEqual({ code: null, signal: "SIGKILL" });
    const [left = ""] = files();
    expect(await storeStatus(store)).toMatchObject({ status: "pass" });
    await publish(store, rowsBuild(2));
    expect(files()).toEqual([left]);
    const longAgo = Date.now() / 1000 - 3_700;
    utimesSync(join(own, left), longAgo, longAgo);
    await publish(store, rowsBuild(3));
    expect(files()).toEqual([]);
  });

  it("without a lockkeeper.toml only the machine is looked at, exit 0; a faulty one is exit 3 and no error", async () => {
    const none = await doctorOf({ cwd: temporaryFolder() });
    expect(none.checks.some(({ store }) => store !== undefined)).toBe(false);
    expect(none.find("configuration")).toMatchObject({ status: "warn" });
    const faulty = await doctorOf({ cwd: workspaceFolder("freshnes = 1\n") });
    expect(faulty.find("configuration")).toMatchObject({
      status: "fail",
      observed: expect.stringContaining("stores.holdings.freshnes"),
    });
    expect((await doctorOf({ cwd: temporaryFolder() }, "--config", "none.toml")).code).toBe(3);
  });

  it("what the environment says is told: TZ, UV_THREADPOOL_SIZE (FACTS 1.9), a low limit of open files", async () => {
    const cwd = workspaceFolder("reader = { limits = { concurrency = 8 } }\n");
    const odd = await doctorOf({ cwd, env: { TZ: "Foo/Bar", UV_THREADPOOL_SIZE: "8" } });
    expect(odd.find("time_zone")).toMatchObject({ status: "warn", observed: expect.stringContaining("Foo/Bar") });
    expect(odd.find("thread_pool")).toMatchObject({ status: "warn" });
    const good = await doctorOf({ cwd, env: { TZ: "UTC", UV_THREADPOOL_SIZE: "9" } });
    expect(good.find("time_zone")).toMatchObject({ status: "pass" });
    expect(good.find("thread_pool")).toMatchObject({ status: "pass" });
  });

  it.runIf(process.platform === "linux")("fewer than 1024 files that may be open are a warning", async () => {
    const shell = ["sh", "-c", 'ulimit -n 512 && exec "$0" "$1" --json doctor', process.execPath, binPath];
    const child = startProgram(shell, { cwd: temporaryFolder(), env: { LOCKKEEPER_CONFIG: undefined } });
    expect(await child.ended).toEqual({ code: 0, signal: null });
    const { checks } = doctorDocument.parse(JSON.parse(child.stdout()));
    expect(checks.find(({ name }) => name === "descriptors")).toMatchObject({ status: "warn" });
  });
});
