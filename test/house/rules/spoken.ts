import type { Document } from "./documents.ts";

/** A command as the program knows it: its whole name, and its options as they are typed. */
export interface KnownCommand {
  readonly name: string;
  readonly options: readonly string[];
}

/** Commands and options that a document tells to type, in code, and that the program does not have. */
export function unknownCommands(documents: readonly Document[], known: readonly KnownCommand[]): string[] {
  const faults = documents.flatMap(({ path, text }) =>
    typedIn(text).flatMap((typed) => {
      const words = typed.split(/\s+/);
      const command = known
        .filter(({ name }) => `${typed} `.startsWith(`${name} `))
        .toSorted((left, right) => right.name.length - left.name.length)[0];
      if (command === undefined && !known.some(({ name }) => name.startsWith(`${typed} `)))
        return [`${path} speaks of lockkeeper ${typed}, which is no command`];
      const options = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/[=,;.)\]].*$/, ""));
      return options
        .filter((option) => command?.options.includes(option) === false)
        .map((option) => `${path} speaks of lockkeeper ${command?.name} ${option}, which is no option of it`);
    }),
  );
  return [...new Set(faults)];
}

/** Error codes that a document names and that there are not. Variables are written the same way; `isVariable` tells them. */
export function unknownCodes(
  documents: readonly Document[],
  known: readonly string[],
  isVariable: (name: string) => boolean,
): string[] {
  return documents.flatMap(({ path, text }) =>
    matches(text, /`([A-Z]+(?:_[A-Z]+)+)`/g)
      .filter((name) => !known.includes(name) && !isVariable(name))
      .map((name) => `${path} speaks of ${name}, which is no error code`),
  );
}

/** Addresses of the server that a document names and that no route has. A part in braces stands for any. */
export function unknownRoutes(documents: readonly Document[], known: readonly string[]): string[] {
  const patterns = known.map((route) => new RegExp(`^${route.replaceAll(/\{\w+\}/g, "[^/]+")}$`));
  return documents.flatMap(({ path, text }) =>
    matches(text, /(?:`|:\d+|\s)(\/(?:v1|api)\/[^`\s?"')]*)/g)
      .filter((address) => !patterns.some((pattern) => pattern.test(address)))
      .map((address) => `${path} speaks of ${address}, which no route has`),
  );
}

/** What follows `lockkeeper` in code, up to another program's words, a comment, a pipe or the end. */
function typedIn(text: string): string[] {
  const lines = matches(text, /^(?:\$ )?(?:npx )?lockkeeper ([a-z].*)$/gm);
  const spans = matches(text, /`(?:npx )?lockkeeper ([a-z][^`\n]*)`/g);
  return [...lines, ...spans].map((typed) =>
    typed
      .replaceAll(/"[^"]*"/g, "TEXT")
      .replace(/\s+(?:--(?:\s|$)|[#|>]).*$/, "")
      .trim(),
  );
}

function matches(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, found = ""]) => found))];
}
