// docs/cli.md: every command with its arguments and options.
import { createProgram } from "../../dist/cli/program.js";

/** @import { Argument, Command, Option } from "commander" */

const head = `# Command line

<!-- Made by \`npm run docs\` from src/cli/program.ts; do not edit. -->

`;

const rules = `
Results go to standard output, progress and a build's output to standard error. With \`--json\` a result is one document,
\`{"schema": "lockkeeper/<word>@1", …}\`; when a command fails, standard output stays empty and the last line of standard error is
\`{"schema": "lockkeeper/error@1", "error": {…}}\`. [errors.md](errors.md) lists codes and exit codes. \`NO_COLOR\` turns colours off;
\`LOCKKEEPER_DEBUG=1\` adds the stack to an unexpected error. Ctrl-C and SIGTERM during a build end its command and leave nothing behind.
`;

/** The page. */
export function commandsPage() {
  const program = createProgram(() => Promise.resolve());
  const options = `\n## Options of every command\n\n${optionTable(program)}`;
  return `${head}${program.description()}\n${rules}${options}${program.commands.map((command) => section(command, [])).join("")}`;
}

/**
 * @param {Command} command
 * @param {readonly string[]} above
 * @returns {string}
 */
function section(command, above) {
  const words = [...above, command.name()];
  if (command.commands.length > 0) return command.commands.map((inner) => section(inner, words)).join("");
  const usage = `\`\`\`\nlockkeeper ${words.join(" ")} ${command.usage()}`.trimEnd();
  const parts = [`${sentence(command.description())}\n`, `${usage}\n\`\`\`\n`];
  if (command.registeredArguments.length > 0) parts.push(argumentTable(command.registeredArguments));
  if (command.options.length > 0) parts.push(optionTable(command));
  return `\n## ${words.join(" ")}\n\n${parts.join("\n")}`;
}

/** @param {readonly Argument[]} all */
function argumentTable(all) {
  return table(
    "argument",
    all.map((argument) => [argument.name(), argument.description]),
  );
}

/** @param {Command} command */
function optionTable(command) {
  return table(
    "option",
    command.options.map((option) => [option.flags, option.description]),
  );
}

/**
 * @param {string} first
 * @param {readonly (readonly [string, string])[]} rows
 */
function table(first, rows) {
  const lines = rows.map(([name, meaning]) => `| \`${name}\` | ${meaning.replaceAll("|", "\\|")} |\n`);
  return `| ${first} | |\n|---|---|\n${lines.join("")}`;
}

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
