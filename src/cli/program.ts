import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import type { CommandModule, GlobalOptions } from "./context.ts";

/** Runs a command once its words are understood; the command's module is loaded only then. */
export type Dispatch = <Input>(load: () => Promise<CommandModule<Input>>, input: Input, options: GlobalOptions) => Promise<void>;

/**
 * All commands, arguments and options: what `--help`, docs/cli.md and the tests read. Imports nothing but commander, so
 * that help costs no more than starting Node.
 */
export function createProgram(dispatch: Dispatch): Command {
  const program = new Command("lockkeeper")
    .description(
      "Releases and care for embedded analytics data: one process builds, many read; nothing locks, tears or vanishes.",
    )
    .usage("[options] [command]")
    .option("--json", "print one JSON document instead of text")
    .option("--config <file>", "use this lockkeeper.toml (default: LOCKKEEPER_CONFIG, else the nearest upwards)")
    .option("-q, --quiet", "no progress and no build output on stderr")
    .option("-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({ writeErr: () => undefined })
    .allowExcessArguments(false)
    .exitOverride();
  program.on("option:version", () => {
    throw new CommanderError(0, "commander.version", packageVersion());
  });
  program.addHelpText("after", "\nWithout a command: the state of every store, and the next useful commands.");
  addLooking(program, dispatch);
  addChanging(program, dispatch);
  return program;
}

/** `status` is what runs when no command is named. */
export const defaultCommand = "status";

function addLooking(program: Command, dispatch: Dispatch): void {
  const globals = () => program.opts<GlobalOptions>();
  program
    .command("status")
    .description("show what is active in every store, and who holds a lock")
    .action(() => dispatch(() => import("./commands/status.ts"), {}, globals()));
  program
    .command("config")
    .description("look at the configuration")
    .command("validate")
    .description("check lockkeeper.toml and list every fault")
    .action(() => dispatch(() => import("./commands/config.ts"), {}, globals()));
  program
    .command("check")
    .description("run the configured checks on the active release, and compare its bytes with its record")
    .argument("<store>", "a store of lockkeeper.toml")
    .option("--release <id>", "the release to check; only the active one can be")
    .action((store: string, options: { release?: string }) =>
      dispatch(() => import("./commands/check.ts"), { store, ...options }, globals()),
    );
  program
    .command("path")
    .description("print the paths of the active release's files")
    .argument("<store>", "a store of lockkeeper.toml")
    .argument("[table]", "only the files that hold this table")
    .action((store: string, table: string | undefined) =>
      dispatch(() => import("./commands/path.ts"), { store, table }, globals()),
    );
  program
    .command("query")
    .description("run one read-only SQL statement on the active release")
    .argument("<store>", "a store of lockkeeper.toml")
    .argument("<sql>", "one statement that only reads")
    .option("--limit <rows>", "most rows of a result; one more is an error, nothing is cut off (default: 10000)")
    .option("--release <id>", "fail unless this release is the active one")
    .action((store: string, sql: string, options: { limit?: string; release?: string }) =>
      dispatch(() => import("./commands/query.ts"), { store, sql, ...options }, globals()),
    );
}

function addChanging(program: Command, dispatch: Dispatch): void {
  const globals = () => program.opts<GlobalOptions>();
  changing(program.command("init"))
    .description(
      "write a commented lockkeeper.toml; with --from, copy an existing DuckDB file into the store as its first release",
    )
    .argument("[store]", "name of the store (default: analytics)")
    .option("--from <file>", "the DuckDB file to copy; it stays where it is and becomes the store's fallback")
    .option("--dir <folder>", "folder of the store (default: data/STORE)")
    .option("--basename <name>", "stem of the data files (default: that of --from, else the store's name)")
    .action((store: string | undefined, options: object) =>
      dispatch(() => import("./commands/init.ts"), { store, ...options }, globals()),
    );
  changing(program.command("publish"))
    .description("build a release, check it, and switch readers to it")
    .usage("[options] <store> [-- command...]")
    .argument("<store>", "a store of lockkeeper.toml")
    .argument("[command...]", "after --: what to run here instead of build.command; it writes the file that DUCKDB_PATH names")
    .action((store: string, command: string[], options: object) =>
      dispatch(() => import("./commands/publish.ts"), { store, command, ...options }, globals()),
    );
  changing(program.command("rollback"))
    .description("make an older release active again, under a new version")
    .argument("<store>", "a store of lockkeeper.toml")
    .option("--to <release>", "the release to go back to (default: the previous one)")
    .option("--steps <count>", "how many releases to go back (default: 1)")
    .option("--reason <text>", "why; kept in the history")
    .action((store: string, options: object) =>
      dispatch(() => import("./commands/rollback.ts"), { store, ...options }, globals()),
    );
  changing(program.command("adopt"))
    .description("take a store that another program has switched, or whose manifest was deleted, under care")
    .argument("<store>", "a store of lockkeeper.toml")
    .option("--slot <slot>", "the slot to make active where there is no manifest: a or b")
    .option("--reason <text>", "why; kept in the history")
    .action((store: string, options: object) => dispatch(() => import("./commands/adopt.ts"), { store, ...options }, globals()));
  program
    .command("demo")
    .description("see it at work: real data, a web app under load, releases, a crash, a refusal and a rollback")
    .allowUnknownOption()
    .allowExcessArguments(true)
    .argument("[arguments...]", "passed on: --quick, --keep, --dir FOLDER, --data FILE")
    .action((words: string[]) => dispatch(() => import("./commands/demo.ts"), { words }, globals()));
}

/** Options of every command that changes something. */
function changing(command: Command): Command {
  return command
    .option("--dry-run", "print what would be done and change nothing")
    .option("--wait <duration>", "how long to wait for a lock that another process holds, for example 10m (default: not at all)")
    .option("-y, --yes", "never ask; nothing asks in this version, so scripts may always say it");
}

/** Whether an error means that commander has already printed what was asked for. */
export function isDone(error: unknown): error is CommanderError {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** What commander found wrong with the words, or `undefined` for any other error. */
export function usageFault(error: unknown): { readonly message: string; readonly hint: string } | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  if (error.code === "commander.help") {
    return { message: "a command is missing", hint: "`lockkeeper config --help` lists what follows config." };
  }
  const [first = "", second = ""] = error.message.split("\n");
  const suggestion = second.replace(/^\((.*)\)$/, "$1");
  return {
    message: first.replace(/^error: /, ""),
    hint: suggestion || "`lockkeeper --help` lists commands and options.",
  };
}

function packageVersion(): string {
  return (createRequire(import.meta.url)("../../package.json") as { version: string }).version;
}
