/** A metric as `/metrics` tells it. */
export interface Exposed {
  readonly type: string;
  readonly help: string;
  /** Values by the labels as they stand, `` for none; of a histogram with the suffix before them. */
  readonly samples: ReadonlyMap<string, number>;
}

/** Reads the Prometheus text format; throws for a line that is none of it, a sample without its head, or one that comes twice. */
export function parseExposition(text: string): Map<string, Exposed> {
  const found = new Map<string, Reading>();
  let current: Reading | undefined;
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const [, name = "", help = ""] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
    const [, typed, type = ""] = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line) ?? [];
    if (name !== "") {
      if (found.has(name)) throw new Error(`twice: ${line}`);
      current = { name, type: "", help, samples: new Map() };
      found.set(name, current);
    } else if (current !== undefined && typed === current.name) {
      current.type = type;
    } else {
      addSample(current, line);
    }
  }
  return found;
}

interface Reading {
  readonly name: string;
  type: string;
  readonly help: string;
  readonly samples: Map<string, number>;
}

function addSample(current: Reading | undefined, line: string): void {
  const [, name = "", labels = "", text = ""] = /^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$/.exec(line) ?? [];
  if (!current || name === "" || !name.startsWith(current.name)) throw new Error(`no line of the format: ${line}`);
  const key = `${name.slice(current.name.length)}${labels}`;
  if (current.samples.has(key)) throw new Error(`twice: ${line}`);
  const value = text === "+Inf" ? Infinity : Number(text);
  if (Number.isNaN(value) && !/^nan$/i.test(text)) throw new Error(`no number: ${line}`);
  current.samples.set(key, value);
}

/** The names of labels in samples. */
export function labelsOf({ samples }: Exposed): string[] {
  const names = [...samples.keys()].flatMap((key) => [...key.matchAll(/[{,](\w+)="/g)].map(([, name = ""]) => name));
  return [...new Set(names)].filter((name) => name !== "le").toSorted();
}
