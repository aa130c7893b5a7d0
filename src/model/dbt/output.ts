/** Codes that colour a terminal. */
// oxlint-disable-next-line no-control-regex -- they begin with one
const colour = /\u001B\[[0-9;]*m/g;

/** Behind this line stands what dbt itself ended of, before it built anything: a project that cannot be read, a source that cannot be reached. */
const heading = /^(?:\d\d:\d\d:\d\d\s+)?Encountered an error:$/;

/** The Python that follows where dbt did not foresee it, or cannot write its log. */
const traceback = /^(?:\d\d:\d\d:\d\d\s+)?(?:Traceback \(most recent call last\):|--- Logging error ---)$/;

/** What dbt says in its output that it ended of, which has no results then; `undefined` where it says nothing of the kind. */
export function errorIn(output: string): string | undefined {
  const lines = output.replaceAll(colour, "").split(/\r?\n/);
  const start = lines.findLastIndex((line) => heading.test(line));
  if (start < 0) return undefined;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => traceback.test(line));
  const text = rest
    .slice(0, end < 0 ? undefined : end)
    .join("\n")
    .trim();
  return text === "" ? undefined : text;
}

/** A message of dbt's on one line, for an error or the history: its first three. */
export function oneLine(text: string): string {
  const lines = text.trim().split(/\s*\n\s*/);
  return cut(withoutPasswords(lines.slice(0, 3).join(" ")), 500);
}

/** A text of so many characters at most; that more was there is seen. */
export function cut(text: string, charactersMax: number): string {
  return text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
}

/** The engine tells the whole address of a database that it cannot reach. */
function withoutPasswords(text: string): string {
  return text
    .replaceAll(/(\bpassword\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s'"]+)/gi, "$1…")
    .replaceAll(/(:\/\/[^\s:/@]*:)[^\s@/]+@/g, "$1…@");
}
