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
  addServing(program, dispatch);
  addBuilds(program, dispatch);
  addReleases(program, dispatch);
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
  addConfig(program, dispatch);
  program
    .command("doctor")
    .description("look at this machine and at each store's folder for what keeps them from working")
    .action(() => dispatch(() => import("./commands/doctor.ts"), {}, globals()));
  program
    .command("bootstrap")
    .description("make a store's folders and its fallback's, and install and load extensions that its builds need")
    .argument("<store>", "a store of lockkeeper.toml")
    .option("--extension <name...>", "extensions of DuckDB, for example postgres")
    .option("--dry-run", "tell what is missing; make and install nothing")
    .action((store: string, options: { extension?: string[]; dryRun?: boolean }) =>
      dispatch(() => import("./commands/bootstrap.ts"), { store, ...options }, globals()),
    );
  program
    .command("check")
    .description("run the configured checks on a release, and compare its bytes with its record")
    .argument("<store>", "a store of lockkeeper.toml")
    .option("--release <id>", "the release to check, with layout releases any that is kept (default: the active one)")
    .action((store: string, options: { release?: string }) =>
      dispatch(() => import("./commands/check.ts"), { store, ...options }, globals()),
    );
  addWatching(program, dispatch);
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
    .description("run one read-only SQL statement on the active release, or on another one that is kept")
    .argument("<store>", "a store of lockkeeper.toml")
    .argument("<sql>", "one statement that only reads")
    .option("--limit <rows>", "most rows of a result; one more is an error, nothing is cut off (default: 10000)")
    .option("--release <id>", "a release that is kept, or a build in quarantine (default: the active release)")
    .action((store: string, sql: string, options: { limit?: string; release?: string }) =>
      dispatch(() => import("./commands/query.ts"), { store, sql, ...options }, globals()),
    );
}

function addConfig(program: Command, dispatch: Dispatch): void {
  const config = program.command("config").description("show, check or describe the configuration");
  const run = (input: object) => dispatch(() => import("./commands/config.ts"), input as never, program.opts<GlobalOptions>());
  config
    .command("show")
    .description("show the configuration as it is carried out: defaults filled in, paths absolute, no secrets")
    .argument("[store]", "a store of lockkeeper.toml (default: all of them)")
    .action((store: string | undefined) => run({ action: "show", store }));
  config
    .command("validate")
    .description("check lockkeeper.toml and list every fault")
    .action(() => run({ action: "validate" }));
  config
    .command("schema")
    .description("print the JSON Schema of lockkeeper.toml, for editors")
    .action(() => run({ action: "schema" }));
}

function addWatching(program: Command, dispatch: Dispatch): void {
  const globals = () => program.opts<GlobalOptions>();
  program
    .command("events")
    .description("tell what happened in the stores: every switch, refused and failed build, oldest first")
    .argument("[store]", "a store of lockkeeper.toml (default: all of them)")
    .option("--follow", "go on with what happens from now on, until Ctrl-C")
    .option("--after <id>", "begin after this event of the store; an id as an event has it")
    .action((store: string | undefined, options: { follow?: boolean; after?: string }) =>
      dispatch(() => import("./commands/events.ts"), { store, ...options }, globals()),
    );
  program
    .command("freshness")
    .description("show how old the active release of each store is")
    .argument("[store]", "a store of lockkeeper.toml (default: all of them)")
    .option("--max-age <duration>", "an older release is late, for example 26h")
    .action((store: string | undefined, options: { maxAge?: string }) =>
      dispatch(() => import("./commands/freshness.ts"), { store, ...options }, globals()),
    );
  program
    .command("webhooks")
    .description("show how far each webhook has got")
    .argument("[store]", "a store of lockkeeper.toml (default: all of them)")
    .option("--deliver", "first send what is due, as every publish has done in the background")
    .action((store: string | undefined, options: { deliver?: boolean }) =>
      dispatch(() => import("./commands/webhooks.ts"), { store, ...options }, globals()),
    );
  program
    .command("locks")
    .description("show who writes, who builds and who reads, in every store")
    .action(() => dispatch(() => import("./commands/locks.ts"), {}, globals()));
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
    .option("--sql <path>", "run the .sql files of this folder, or this one, instead of build.command")
    .option("--from-dir <folder>", "copy the artifacts' files out of a folder that another program writes, as one set")
    .option("--base <release>", "active: the file begins as a copy of the active release, for a build that changes a part of it")
    .action((store: string, command: string[], options: object) =>
      dispatch(() => import("./commands/publish.ts"), { store, command, ...options }, globals()),
    );
  changing(program.command("rollback"))
    .description("make an older release active again, under a new version")
    .argument("<store>", "a store of lockkeeper.toml")
    .option("--to <release>", "the release to go back to (default: the previous one)")
    .option("--steps <count>", "how many switches to go back (default: 1)")
    .option("--reason <text>", "why; kept in the history")
    .action((store: string, options: object) =>
      dispatch(() => import("./commands/rollback.ts"), { store, ...options }, globals()),
    );
  changing(program.command("adopt"))
    .description("take a store that another program has switched, or whose manifest was deleted, under care")
    .argument("<store>", "a store of lockkeeper.toml")
    .option("--slot <slot>", "the slot to make active where there is no manifest: a or b")
    .option("--release <id>", "the same for a release folder of layout releases")
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

function addServing(program: Command, dispatch: Dispatch): void {
  program
    .command("serve")
    .description("answer questions about the stores over HTTP, until Ctrl-C")
    .option("--listen <address>", "host and port to listen on, instead of serve.listen (default: 127.0.0.1:4600)")
    .action((options: { listen?: string }) =>
      dispatch(() => import("./commands/serve.ts"), options, program.opts<GlobalOptions>()),
    );
}

function addBuilds(program: Command, dispatch: Dispatch): void {
  const globals = () => program.opts<GlobalOptions>();
  const builds = program.command("build").description("publish what other processes write, over time: for orchestrators");
  const run = (input: object) => dispatch(() => import("./commands/build.ts"), input as never, globals());
  const leaseHelp = "how long the build stays without a sign of life";
  builds
    .command("begin")
    .description("make the private folder of a build, and print its id and where to write")
    .argument("<store>", "a store of lockkeeper.toml")
    .option("--lease <duration>", `${leaseHelp} (default: 24h)`)
    .option("--base <which>", "active: begin with a copy of the active release, which must still be active at the commit")
    .option("--label <text>", "who builds, for `build list`: the name of a run")
    .option("--export", "print `export NAME=VALUE` lines, for eval in a shell")
    .action((store: string, options: object) => run({ action: "begin", store, ...options }));
  changing(builds.command("commit"))
    .description("seal and check a build, and switch readers to it, as publish does")
    .argument("<build>", "the id that `build begin` printed")
    .option("--reason <text>", "why; kept in the history")
    .action((build: string, options: object) => run({ action: "commit", build, ...options }));
  waiting(builds.command("renew"))
    .description("let the lease of a build begin anew")
    .argument("<build>", "the id that `build begin` printed")
    .option("--lease <duration>", `${leaseHelp} from now on (default: as before)`)
    .action((build: string, options: object) => run({ action: "renew", build, ...options }));
  changing(builds.command("abort"))
    .description("give a build up and remove what it wrote")
    .argument("<build>", "the id that `build begin` printed")
    .option("--reason <text>", "why; kept in the history")
    .action((build: string, options: object) => run({ action: "abort", build, ...options }));
  builds
    .command("list")
    .description("show the builds that are no releases yet, with their leases")
    .argument("[store]", "a store of lockkeeper.toml (default: all of them)")
    .action((store: string | undefined) => run({ action: "list", store }));
}

function addReleases(program: Command, dispatch: Dispatch): void {
  const globals = () => program.opts<GlobalOptions>();
  const releases = program.command("releases").description("list, show, compare, pin and prune the releases of a store");
  const add = (action: "list" | "show" | "diff" | "pin" | "unpin" | "prune", description: string) =>
    releases.command(action).description(description).argument("<store>", "a store of lockkeeper.toml");
  const run = (input: object) => dispatch(() => import("./commands/releases.ts"), input as never, globals());
  add("list", "every release with its state, size and date, newest first; then what is in quarantine").action((store: string) =>
    run({ action: "list", store }),
  );
  add("show", "the record of a release: where it came from, its files, tables and checks")
    .argument("<release>", "a release that is kept")
    .action((store: string, release: string) => run({ action: "show", store, release }));
  add("diff", "compare two releases, table by table: columns, row counts, and whether every value is the same")
    .argument("[from]", "a release that is kept, or a build in quarantine (default: the release before the active one)")
    .argument("[to]", "what to compare it with, of the same kind (default: the active release)")
    .action((store: string, from: string | undefined, to: string | undefined) => run({ action: "diff", store, from, to }));
  waiting(add("pin", "keep a release, whatever the store's retention says"))
    .argument("<release>", "a release that is kept")
    .requiredOption("--reason <text>", "why it must stay, for whoever finds the disk full")
    .option("--until <time>", "a date, or a time with its zone; from then on the pin counts no more (default: for ever)")
    .action((store: string, release: string, options: object) => run({ action: "pin", store, release, ...options }));
  waiting(add("unpin", "take an operator's pin away"))
    .argument("<release>", "a release that is kept")
    .action((store: string, release: string, options: object) => run({ action: "unpin", store, release, ...options }));
  changing(add("prune", "remove what the store's retention no longer keeps, as every publish does at its end")).action(
    (store: string, options: object) => run({ action: "prune", store, ...options }),
  );
}

/** Options of every command that changes something. */
function changing(command: Command): Command {
  return waiting(command.option("--dry-run", "print what would be done and change nothing")).option(
    "-y, --yes",
    "never ask; nothing asks in this version, so scripts may always say it",
  );
}

function waiting(command: Command): Command {
  return command.option(
    "--wait <duration>",
    "how long to wait for a lock that another process holds, for example 10m (default: not at all)",
  );
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
