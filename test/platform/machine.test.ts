import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeMachine } from "../../src/platform/machine.ts";
import { distUrl, startProgram, startScript } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";

const machine = nodeMachine();
const machineModule = JSON.stringify(distUrl("platform/machine.js"));

test("this machine, as Node knows it", () => {
  expect(machine.node).toEqual({ version: process.versions.node, range: expect.stringMatching(/^>=\d+/) });
  expect(machine.system).toMatch(new RegExp(`^${process.platform}-${process.arch}(, (musl|glibc .+))?$`));
  expect(machine.lockAddonProblem()).toBeUndefined();
  expect(machine.processors).toBe(availableParallelism());
  expect(machine.availableMemory()).toBeGreaterThan(0);
  expect(machine.availableMemory()).toBeLessThanOrEqual(totalmem());
  expect(machine.user().id).toBe(process.getuid?.());
});

test.runIf(process.platform === "linux")(
  "the limit of open files is what this process has; Node raises its soft limit to the hard one",
  async () => {
    const code = `import(${machineModule}).then(async ({ nodeMachine }) => console.log("limit " + (await nodeMachine().descriptorsMax())))`;
    const child = startProgram(["sh", "-c", 'ulimit -n 512 && exec "$0" -e "$1"', process.execPath, code]);
    expect(await child.line("limit ")).toBe("limit 512");
  },
);

test.each([
  ["Europe/Berlin", "zone Europe/Berlin"],
  ["Foo/Bar", "zone undefined"],
])("TZ=%s: %s", async (TZ, line) => {
  const child = startScript(
    `const { nodeMachine } = await import(${machineModule}); console.log("zone " + nodeMachine().timeZone());`,
    { env: { TZ } },
  );
  expect(await child.line("zone ")).toBe(line);
});

test("what is missing can be neither read nor written, and what is there can be by its owner", async () => {
  const folder = temporaryFolder();
  expect(await machine.denied(folder, "read")).toBeUndefined();
  expect(await machine.denied(folder, "write")).toBeUndefined();
  expect(await machine.denied(join(folder, "none"), "write")).toBe("ENOENT");
});

test.runIf(process.getuid?.() === 0)("another user may do what the modes say", async () => {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "unpassable"), { mode: 0o704 });
  chmodSync(join(folder, "unpassable"), 0o704);
  writeFileSync(join(folder, "file"), "", { mode: 0o644 });
  const paths = { folder, unpassable: join(folder, "unpassable"), file: join(folder, "file") };
  const child = startScript(`
    const { nodeMachine } = await import(${machineModule});
    process.setgid(65534);
    process.setuid(65534);
    const machine = nodeMachine();
    const said = {};
    for (const [name, path] of Object.entries(${JSON.stringify(paths)}))
      said[name] = [(await machine.denied(path, "read")) ?? "may", (await machine.denied(path, "write")) ?? "may"];
    console.log("said " + JSON.stringify(said));
  `);
  expect(JSON.parse((await child.line("said ")).slice(5))).toEqual({
    folder: ["may", "EACCES"],
    unpassable: ["EACCES", "EACCES"],
    file: ["may", "EACCES"],
  });
});
