import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { parse } from "smol-toml";
import { z } from "zod";
import { createProgram } from "../../src/cli/program.ts";
import { tokenConfigSchema } from "../../src/model/access-token.ts";
import { checkSchema } from "../../src/model/check.ts";
import { parseConfig } from "../../src/model/config-findings.ts";
import { configSchema } from "../../src/model/config.ts";
import { serveAlarmsSchema, serveConfigSchema, serveLimitsSchema } from "../../src/model/serve-config.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const cli = readFileSync(`${root}docs/cli.md`, "utf8");
const checks = readFileSync(`${root}docs/checks.md`, "utf8");
const configuration = readFileSync(`${root}docs/configuration.md`, "utf8");

/** Every command that does something, by its whole name. */
function leaves(command: Command, prefix: readonly string[] = []): { readonly name: string; readonly command: Command }[] {
  return command.commands.flatMap((child) => {
    const name = [...prefix, child.name()];
    return child.commands.length > 0 ? leaves(child, name) : [{ name: name.join(" "), command: child }];
  });
}

/** The text under a heading, to the next one. */
function section(text: string, heading: string): string {
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`no heading ${heading}`);
  const from = start + heading.length + 2;
  const end = text.indexOf("\n## ", from);
  return text.slice(from, end < 0 ? undefined : end);
}

describe("docs/cli.md", () => {
  const program = createProgram(() => Promise.resolve());

  it.each(leaves(program))("has $name with each argument and option", ({ name, command }) => {
    const text = section(cli, `## lockkeeper ${name}`);
    for (const option of command.options) expect(text).toContain(`| \`${option.flags}\` |`);
    for (const argument of command.registeredArguments)
      expect(text).toMatch(new RegExp(`\\| \`[<[]${argument.name()}[>\\]]\` \\|`));
    expect(command.description()).not.toBe("");
  });

  it("has every option that all commands take", () => {
    for (const option of program.options)
      expect(section(cli, "## Options of every command")).toContain(`| \`${option.flags}\` |`);
  });
});

describe("docs/configuration.md", () => {
  const sections = {
    "## The file": configSchema.shape,
    "## `[stores.ID]`": configSchema.shape.stores.unwrap().valueType.shape,
    "## `retention`": configSchema.shape.stores.unwrap().valueType.shape.retention.unwrap().shape,
    "## `reader`": configSchema.shape.stores.unwrap().valueType.shape.reader.unwrap().shape,
    "## `reader.limits`": configSchema.shape.stores.unwrap().valueType.shape.reader.unwrap().shape.limits.unwrap().shape,
    "## `build`": configSchema.shape.stores.unwrap().valueType.shape.build.unwrap().shape,
    "## `[serve]`": serveConfigSchema.shape,
    "## `serve.limits`": serveLimitsSchema.shape,
    "## `serve.alarms`": serveAlarmsSchema.shape,
    "## `[[tokens]]`": tokenConfigSchema.shape,
  };

  it.each(Object.entries(sections))("%s has each key, and no other", (heading, shape) => {
    const text = section(configuration, heading);
    const documented = [...text.matchAll(/^\| `([a-z0-9_]+)` *\|/gm)].map((match) => match[1] ?? "");
    expect(documented.toSorted()).toEqual(Object.keys(shape).toSorted());
  });

  it("has each check with its keys", () => {
    const text = section(configuration, "## `checks`");
    for (const option of checkSchema.options) {
      const row = text.split("\n").find((line) => line.startsWith(`| \`${option.shape.check.value}\``));
      const own = Object.keys(option.shape).filter((key) => !["check", "name", "severity"].includes(key));
      for (const key of own) expect(row).toContain(`\`${key}\``);
    }
    for (const key of ["name", "severity"]) expect(text).toContain(`\`${key}\``);
  });

  it.each(checkSchema.options.map((option) => [option.shape.check.value, option] as const))(
    "docs/checks.md has a chapter on %s with each key",
    (name, option) => {
      const start = checks.indexOf(`\n### \`${name}\`\n`);
      expect(start).toBeGreaterThan(0);
      const chapter = checks.slice(start + 1, checks.indexOf("\n#", start + 1));
      const documented = [...chapter.matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+) \|/gm)].flatMap(([, keys = ""]) =>
        keys.replaceAll("`", "").split(", "),
      );
      const own = Object.keys(option.shape).filter((key) => !["check", "name", "severity"].includes(key));
      expect(documented.toSorted()).toEqual(own.toSorted());
    },
  );

  it("docs/checks.md shows a configuration that is valid, with every check that can be configured and does not run anyway", () => {
    const [, toml = ""] = /```toml\n([^]*?)```/.exec(checks) ?? [];
    const { config, findings } = parseConfig(parse(`format = 1\n${toml}`));
    expect(findings).toEqual([]);
    const shown = config?.stores["holdings"]?.checks?.map(({ check }) => check);
    expect([...(shown ?? []), "phantom_rows"].toSorted()).toEqual(
      checkSchema.options.map((option) => option.shape.check.value).toSorted(),
    );
  });

  it("every key of the schema says what it is for", () => {
    const schema = z.toJSONSchema(configSchema, { io: "input" }) as { properties: Record<string, { description?: string }> };
    for (const [key, property] of Object.entries(schema.properties))
      expect({ key, text: property.description }).toEqual({ key, text: expect.any(String) });
  });
});
