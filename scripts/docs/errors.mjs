// docs/errors.md: every error code, by exit code.
import { errorCodes, exitCodes } from "../../dist/errors/codes.js";

const head = `# Errors

<!-- Made by \`npm run docs\` from src/errors/codes.ts; do not edit. -->

Everything that Lockkeeper throws on purpose is a \`LockkeeperError\` with a \`code\`. A code keeps its name and meaning across
releases. The category decides the exit code of the command line. *Retriable*: the same call may succeed later without anybody
changing anything. What no entry covers is \`BUG\`.

Three exits have no error: 0 is done, 3 is finished with findings or a release refused by a check, 143 is stopped by SIGTERM.
`;

/** The page. */
export function errorsPage() {
  const sections = Object.entries(exitCodes).map(([category, exit]) => {
    const rows = Object.entries(errorCodes)
      .filter(([, entry]) => entry.category === category)
      .map(([code, { returnedWhen, retriable }]) => `| \`${code}\` | ${returnedWhen} | ${retriable ? "yes" : "no"} |\n`);
    const title = `\n## Exit ${exit}: ${heading(category)}\n\n| code | returned when | retriable |\n|---|---|---|\n`;
    return rows.length === 0 ? "" : title + rows.join("");
  });
  return head + sections.join("");
}

/**
 * `notFound` reads "not found".
 *
 * @param {string} category
 */
function heading(category) {
  return category.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
