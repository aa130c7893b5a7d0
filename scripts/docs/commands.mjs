// docs/cli.md: every command with its arguments, options, JSON document and an example.
import { createProgram } from "../../dist/cli/program.js";

/** What a command prints with `--json`: the word of its schema, and its fields. */
const documents = {
  status: ["status", "`stores[{store, kind, status, release?, version?, lastUpdated?, active?, previous?, lock?, detail[]}]`"],
  "config validate": ["config", "`path`, `findings[]`"],
  check: ["checks", "`store`, `release`, `checks[{name, check, severity, status, table?, observed, expected, message}]`"],
  path: ["path", "`store`, `release`, `version`, `files[]`"],
  query: ["query", "`store`, `release`, `version`, `columns[{name, type}]`, `rows[][]`; exact numbers are strings"],
  init: ["config", "`path`, `store`, `written`, `findings[]`; with `--from` it is `lockkeeper/switch@1`, as of `rollback`"],
  publish: [
    "publish",
    "`store`, `outcome` (`switched`, `refused`, `planned`), `build?`, `release?`, `version?`, `previous?`, `checks[]`, `tables[{schema, name, rows?}]`, `switchMs?`, `quarantine?`, `plan?`",
  ],
  rollback: ["switch", "`store`, `outcome` (`switched`, `planned`), `release`, `version`, `previous?`, `reason`, `plan?`"],
  adopt: ["switch", "`store`, `outcome` (`switched`, `planned`), `release`, `version`, `previous?`, `reason`, `plan?`"],
};

/** What is worth knowing of a command beyond its options, with an example. */
const notes = {
  status:
    "Opens no database and takes no lock. Always exit 0: it reports, `check` judges. It is what runs when no command is named.",
  "config validate":
    "A file with faults is exit 2 and lists them all. What is valid but will surprise, such as a fallback that is not there, is a finding: exit 3.",
  check: "Exit 3 when a check of severity `error` fails.",
  path: 'One path a line: `duckdb -readonly "$(lockkeeper path holdings)"`. Open it read-only and not for long: a slot is replaced two publishes later.',
  query: 'For the trusted owner of the data: `lockkeeper query holdings "SELECT count(*) FROM holdings"`.',
  init: "`lockkeeper init --from TR_05.duckdb holdings` brings an existing database under care without touching it. A file that is there gets one more store at its end.",
  publish:
    "`lockkeeper publish holdings -- python etl.py`. The command's output goes to stderr. Exit 1 when the build fails, 3 when a check refuses it; in both cases what was active stays active. A command after `--` runs in the working folder, a configured one in the folder of lockkeeper.toml. Ctrl-C, SIGTERM and SIGHUP end the command and clean up (exit 130, 143, 129); a second one does not wait for that.",
  rollback: '`lockkeeper rollback holdings --reason "wrong prices"`. Works at once while a build runs.',
  adopt: "Where another program has written the manifest, or somebody deleted it to go back.",
  demo: "Takes under two minutes and a temporary folder.",
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
