// docs/cli.md: every command with its arguments, options, JSON document and an example.
import { createProgram } from "../../dist/cli/program.js";

/** What a command prints with `--json`: the word of its schema, and its fields. */
const documents = {
  status: [
    "status",
    "`stores[{store, kind, status, release?, version?, lastUpdated?, active?, previous?, lock?, builds?, detail[]}]`",
  ],
  "config show": [
    "config",
    "`path`, `namedBy` (`--config`, `LOCKKEEPER_CONFIG`, `search`), `config`: keys as in the file, durations in milliseconds, sizes in bytes, `{env, set}` for a value that stands in a variable, `{hidden: true, origin?}` for one that may be a secret",
  ],
  "config validate": ["config", "`path`, `findings[]`"],
  "config schema": ["config", "`jsonSchema`"],
  doctor: ["doctor", "`checks[{name, store?, status (pass, warn, fail), observed, remedy?}]`"],
  bootstrap: [
    "bootstrap",
    "`store`, `dryRun`, `folders[{path, created, mode?}]`, `extensions[{name, status (loaded, missing, failed), version?, detail?}]`",
  ],
  check: ["checks", "`store`, `release`, `checks[{name, check, severity, status, table?, observed, expected, message}]`"],
  freshness: [
    "freshness",
    "`stores[{store, status, release?, version?, lastUpdated?, ageMs?, maxAgeMs?, detail[]}]`; times in milliseconds",
  ],
  locks: [
    "locks",
    "`locks[{store, lock, build?, lease?: {state, expiresAt?}, held, pid?, command?, host?, since?, purpose?, lastHolderDied?, processes[{pid, command?}]}]`, `pins[{store, release, readers, processes[]}]`",
  ],
  path: ["path", "`store`, `release`, `version`, `files[]`"],
  query: [
    "query",
    "`store`, `release`, `version?` (none of what was never active), `columns[{name, type}]`, `rows[][]`; exact numbers are strings",
  ],
  init: ["config", "`path`, `store`, `written`, `findings[]`; with `--from` it is `lockkeeper/switch@1`, as of `rollback`"],
  publish: [
    "publish",
    "`store`, `outcome` (`switched`, `refused`, `planned`), `build?`, `release?`, `version?`, `previous?`, `checks[]`, `tables[{schema, name, rows?}]`, `switchMs?`, `quarantine?`, `plan?`",
  ],
  "build begin": [
    "build",
    "`build`, `store`, `path`, `dir`, `base?`, `startedAt`, `leaseMs`, `expiresAt`, `environment{NAME: value}`; paths are absolute",
  ],
  "build renew": ["build", "as `build begin`"],
  "build commit": ["publish", "as `publish`"],
  "build abort": ["builds", "as `build list`: the build, in state `aborted`"],
  "build list": [
    "builds",
    "`builds[{build, store, state (open, expired, busy, damaged, attached, left), startedAt, expiresAt?, base?, owner?: {pid, host, command, label?}, bytes, detail?}]`",
  ],
  rollback: ["switch", "`store`, `outcome` (`switched`, `planned`), `release`, `version`, `previous?`, `reason`, `plan?`"],
  "releases list": [
    "releases",
    "`store`, `releases[{release, version?, state (active, kept, never-active, quarantined), createdAt?, bytes, pinned}]`",
  ],
  "releases show": ["release", "the release record, `state`, `version?`, `pins[{reason, since, until?}]`"],
  "releases diff": [
    "diff",
    "`store`, `from`, `to` (each `{release, version?}`), `tables[{schema, name, change (added, removed, changed, same), differs[], kind[], rows[], bytes[], columns[{name, change, types[]}]}]`; pairs are `[from, to]`, null where there is none",
  ],
  "releases pin": ["release", "as `releases show`"],
  "releases unpin": ["release", "as `releases show`"],
  "releases prune": [
    "prune",
    "`store`, `outcome` (`pruned`, `planned`), `removed[{release, bytes, reason}]`, `kept[{release, reason}]`",
  ],
  adopt: ["switch", "`store`, `outcome` (`switched`, `planned`), `release`, `version`, `previous?`, `reason`, `plan?`"],
};

/** What is worth knowing of a command beyond its options, with an example. */
const notes = {
  status:
    "Opens no database and takes no lock. Always exit 0: it reports, `check` judges. It is what runs when no command is named.",
  "config show":
    "As text it is TOML again, with what named the file, which variables are set and what is not shown in comments. Values of keys such as `secret`, `sha256` and `url` are never shown in full: of an address the origin alone, of a variable its name and whether it is set here. Touches no store.",
  "config schema":
    "`lockkeeper config schema > lockkeeper.schema.json`. Needs no lockkeeper.toml. The package ships the same as `lockkeeper/schemas/config.schema.json`.",
  doctor:
    "Exit 3 when anything fails. [doctor.md](doctor.md) has each check: what it means and what to do. Without a lockkeeper.toml only the machine is looked at. Changes nothing but a private file in each store's `.lockkeeper/`, which is removed again; takes no lock of the store. Ctrl-C, SIGTERM and SIGHUP end it (exit 130, 143, 129) when that file is gone.",
  "config validate":
    "A file with faults is exit 2 and lists them all. What is valid but will surprise, such as a fallback that is not there, is a finding: exit 3.",
  check: "Exit 3 when a check of severity `error` fails.",
  events:
    "With `--json` one event a line (NDJSON), `{id, type, store, time, release?, version?, previous?, reason?, note?, build?, detail?}`, and no document around them: [format.md](format.md#events) has each field, and what is told of other programs' switches. Without `--follow` it ends at the last event. Several stores are told store by store; with `--follow`, what is new is told within a quarter of a second, in each store's own order. `--after` needs a store where there are several, for ids count per store; an id that the store does not have is exit 2. A line of the history that is not whole is left out and told on stderr with its number. With `--follow`, Ctrl-C, SIGTERM and SIGHUP end it (exit 130, 143, 129; what was told before stands), and so does a reader that goes away, as in `| head`, at the next event (exit 0).",
  freshness:
    "`lockkeeper freshness --max-age 26h` in a cron job or a probe. Exit 3 when a release is late, when there is none, or when its age cannot be told: the manifest is unusable, or its `lastUpdated` lies more than a minute in the future, which is a wrong clock. Without `--max-age` no age is late. A manifest of another program may have no `lastUpdated`; then the time counts at which its file changed, and `status` is `warn`. Reads the manifest, nothing else.",
  locks:
    "Every store's writer lock and build lock, the locks of its build folders, and its pins with the processes that read each release. Takes no lock, so it never turns a publisher or reader away, and makes no file. Linux lists locks: there `held` and `readers` are what the kernel says, whatever a note says. A process of another user, or outside of this container, is counted but not named (on btrfs, where the kernel's list has other device numbers, it is not counted either). Elsewhere `held` and `readers` are `null`, for unknown, and `pid` comes from the note of the lock's last holder. Always exit 0.",
  bootstrap:
    "Publishing needs none of it. It is for what must be there before: a store's folder that containers mount read-only, the folder of Parquet tables that another program writes, an extension that builds load (`postgres`). The store's own folder, and folders outside it, get the mode that the umask leaves; those in it can be entered by whoever gets that far (0755); what is there keeps its own. Extensions are those of this installation's DuckDB, installed for this user, and builds in Python have others. One that cannot be had does not stop the rest: exit 3.",
  path: 'One path a line: `duckdb -readonly "$(lockkeeper path holdings)"`. Open it read-only and not for long: a slot is replaced two publishes later.',
  query:
    'For the trusted owner of the data: `lockkeeper query holdings "SELECT count(*) FROM holdings"`. With `--release` the release is opened for this statement alone, whatever is active and whether or not anything is; a build in quarantine goes by its build id. With layout `slots` that is the release before, whose file is hashed first.',
  init: "`lockkeeper init --from TR_05.duckdb holdings` brings an existing database under care without touching it. A file that is there gets one more store at its end.",
  publish:
    "`lockkeeper publish holdings -- python etl.py`. The command's output goes to stderr. Exit 1 when the build fails, 3 when a check refuses it; in both cases what was active stays active. A command after `--` runs in the working folder, a configured one in the folder of lockkeeper.toml. `--sql FOLDER` [runs SQL files](builds.md#builds-of-sql-files) instead. With `--base active` a build finds the active release's data in its file; after any switch meanwhile such a build is refused (exit 12). Ctrl-C, SIGTERM and SIGHUP end the command and clean up (exit 130, 143, 129); a second one does not wait for that.",
  rollback:
    '`lockkeeper rollback holdings --reason "wrong prices"`. Works at once while a build runs. Layout `slots` can go back to the previous release only; layout `releases` to any that is kept, `--steps 2` to the one that was active two switches ago.',
  "build begin":
    '`eval "$(lockkeeper build begin holdings --export)"`, or `--json` and its `environment`. Takes no lock that it keeps: any number of builds may be open at once, beside a publish. [orchestrators.md](orchestrators.md) shows it in use.',
  "build commit":
    "`lockkeeper build commit 3f9c0c1d5e7f`. Exit 3 when a check refuses the build. Whatever else fails, Ctrl-C included, leaves it where it is: commit it again. A commit that died goes on where it stopped. An expired lease is no obstacle while the build's folder is there.",
  "build renew": "Also one that has expired, while its folder is there.",
  "build abort": "A second one is exit 10.",
  "build list": "Changes nothing. `attached` is the build of a `publish` under way, `left` that of one that died.",
  "releases list": "With layout `slots` these are the active release and the one before.",
  "releases show": "`lockkeeper releases show holdings r000042`.",
  "releases diff":
    "`lockkeeper releases diff marts r000040 r000043`. Reads tables of equal columns and row counts whole, on both sides, to tell whether they are the same; [releases.md](releases.md#compare-two-releases) has the rules and the cost.",
  "releases pin":
    '`lockkeeper releases pin marts r000042 --reason "audit of March" --until 2027-01-01`. A second pin replaces the first. Layout `releases` only. A pin of a reader, which is a lock, is another thing: `lockkeeper locks` shows those.',
  "releases unpin": "The next prune may remove the release.",
  "releases prune":
    "[releases.md](releases.md) has the rules. A release that a reader has open stays, and goes with a later prune; `--dry-run` cannot tell that.",
  adopt: "Where another program has written the manifest, or somebody deleted it to go back.",
  demo: "Takes under two minutes and a temporary folder. Its last table puts the same load on one shared file, without Lockkeeper, beside it.",
};

function commandSections(command, prefix) {
  const name = [...prefix, command.name()].join(" ");
  if (command.commands.length > 0)
    return command.commands.flatMap((child) => commandSections(child, [...prefix, command.name()]));
  const words = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const usage = command.usage().startsWith("[options] <store> [--") ? command.usage() : ["[options]", ...words].join(" ");
  const rows = [
    ...command.registeredArguments.map((argument, index) => [words[index], argument.description]),
    ...command.options.map((option) => [option.flags, option.description]),
  ];
  const [word, fields] = documents[name] ?? [];
  return [
    `## lockkeeper ${name}`,
    `${capital(command.description())}.`,
    `\`\`\`\nlockkeeper ${name} ${usage}\n\`\`\``,
    ...(rows.length > 0 ? [table(["argument or option", "meaning"], rows)] : []),
    ...(notes[name] ? [notes[name]] : []),
    ...(word ? [`\`--json\`: \`lockkeeper/${word}@1\` with ${fields}.`] : []),
  ];
}

function table(head, rows) {
  const lines = rows.map(([code, text]) => `| \`${code}\` | ${text.replaceAll("|", "\\|")} |`);
  return [`| ${head.join(" | ")} |`, "|---|---|", ...lines].join("\n");
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The page. */
export function commandsPage() {
  const program = createProgram(() => Promise.resolve());
  const parts = [
    "# Command line",
    "<!-- Made by `npm run docs` from src/cli/program.ts; do not edit. -->",
    "Releases and care for embedded analytics data: one process builds, many read; nothing locks, tears or vanishes.",
    "```\nlockkeeper [options] [command]\n```",
    "## Options of every command",
    table(
      ["option", "meaning"],
      program.options.map((option) => [option.flags, option.description]),
    ),
    "## Output",
    "Results go to stdout, everything else to stderr: the build's output always, phases only where stderr is a terminal. Colours are for terminals: `NO_COLOR` turns them off, `FORCE_COLOR` on.",
    'With `--json` there is one document on stdout at exit 0 and 3, named by `schema`. At any other exit stdout is empty and the last line of stderr is `{"schema": "lockkeeper/error@1", "error": {code, message, hint?, exit, subject?, holder?: {pid, command?, host?, since?}, findings?[]}}`.',
    "## Exit codes",
    table(["exit", "meaning"], exits),
    "[errors.md](errors.md) lists every error code with its exit code.",
    "## Variables",
    table(["variable", "meaning"], variables),
    ...program.commands.flatMap((command) => commandSections(command, [])),
  ];
  return `${parts.join("\n\n")}\n`;
}

const exits = [
  ["0", "done"],
  ["1", "failed: the build, a query, the operating system"],
  ["2", "usage or configuration"],
  ["3", "finished with findings, or a release refused"],
  ["10", "not found: store, release, table, file"],
  ["11", "locked by another process, which is named"],
  ["12", "conflict: somebody else changed what this was planned on"],
  ["13", "corrupt: manifest, record or data"],
  ["14", "not supported: format, storage version, file system, platform"],
  ["15", "a limit, or the disk is full"],
  ["16", "unavailable just now"],
  ["17", "denied by the operating system"],
  ["70", "a bug: please report it; `LOCKKEEPER_DEBUG=1` adds the stack"],
  ["129, 130, 143", "stopped by SIGHUP, SIGINT (Ctrl-C) or SIGTERM; nothing was switched"],
];

const variables = [
  ["LOCKKEEPER_CONFIG", "the configuration file, unless `--config` names one"],
  ["DUCKDB_PATH", "the fallback of the only store; inside a build, the file to write"],
  ["LOCKKEEPER_DEBUG", "adds the stack to the report of a bug"],
  ["NO_COLOR, FORCE_COLOR", "colours off, colours on"],
];
