import type { Command } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { errorCodes } from "../../src/errors/codes.ts";
import { testServer } from "../server/support/server.ts";
import { unknownCodes, unknownCommands, unknownRoutes, type KnownCommand } from "./rules/spoken.ts";
import { readText, repositoryFiles } from "./sources.ts";

/** The changelog speaks of what was, too. */
const documents = repositoryFiles()
  .filter((path) => path.endsWith(".md") && path !== "CHANGELOG.md")
  .map((path) => ({ path, text: readText(path) }));

const typed = ({ options }: Command): string[] => options.flatMap(({ short, long }) => [short ?? [], long ?? []].flat());

/** `demo` hands its words to a program of its own, whose usage lists them. */
const demoOptions =
  readText("examples/flights/demo.mjs")
    .match(/^ {2}--[a-z]+/gm)
    ?.map((option) => option.trim()) ?? [];

function commandsOf(command: Command, prefix = "", inherited: readonly string[] = typed(command)): KnownCommand[] {
  return command.commands.flatMap((child) => {
    const name = `${prefix}${child.name()}`;
    const passedOn = name === "demo" ? demoOptions : [];
    const own = { name, options: [...inherited, ...typed(child), ...passedOn, "--help", "-h"] };
    return [own, ...commandsOf(child, `${name} `, own.options)];
  });
}

test("every command and option that a document tells to type is there", () => {
  expect(unknownCommands(documents, commandsOf(createProgram(() => Promise.resolve())))).toEqual([]);
});

test("one that is not there is found", () => {
  const known = [
    { name: "publish", options: ["--wait"] },
    { name: "releases", options: [] },
    { name: "releases list", options: ["--json"] },
  ];
  const text =
    "`lockkeeper publish S --wait 1m -- x --y`, `lockkeeper releases list S --wait 1m`\n\n```sh\nlockkeeper promote S\nlockkeeper releases list S --json | jq --raw\n```\n`lockkeeper releases`";
  expect(unknownCommands([{ path: "a.md", text }], known)).toEqual([
    "a.md speaks of lockkeeper promote S, which is no command",
    "a.md speaks of lockkeeper releases list --wait, which is no option of it",
  ]);
});

/** Programs' environment variables, which are written as codes are: `docs name every environment variable` guards ours. */
const isVariable = (name: string): boolean =>
  /^(?:LOCKKEEPER|DUCKDB|PARQUET|DBT|DAGSTER|UV|FLIGHTS)_/.test(name) || name.endsWith("_COLOR");

test("every error code that a document names is one", () => {
  expect(unknownCodes(documents, Object.keys(errorCodes), isVariable)).toEqual([]);
  expect(unknownCodes([{ path: "a.md", text: "`IS_ONE` `NO_COLOR` `NO_CODE`" }], ["IS_ONE"], isVariable)).toEqual([
    "a.md speaks of NO_CODE, which is no error code",
  ]);
});

test("every address of the server that a document names has a route", async () => {
  const { server } = await testServer();
  const routes = server.routes.map(({ definition }) => definition.path);
  // Examples are apps with addresses of their own.
  const ofServer = documents.filter(({ path }) => !path.startsWith("examples/"));
  expect(unknownRoutes(ofServer, routes)).toEqual([]);
  const text = "`GET /v1/stores/{store}` http://127.0.0.1:4600/v1/stores/holdings/diff?from=a `/v1/shops`";
  expect(unknownRoutes([{ path: "a.md", text }], ["/v1/stores/{store}", "/v1/stores/{store}/diff"])).toEqual([
    "a.md speaks of /v1/shops, which no route has",
  ]);
});
