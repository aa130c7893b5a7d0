/** One block of a stream of events. */
export interface EventBlock {
  /** The position after it, where it says one. */
  readonly id: string | undefined;
  /** Its event's data; `undefined` where it is none. */
  readonly data: string | undefined;
  /** How long to wait before coming back, where it says so. Milliseconds. */
  readonly retryMs: number | undefined;
}

/** A block that is longer is none of our server's. Characters. */
const blockCharactersMax = 4_000_000;

/** Reads blocks from text that comes in pieces, as the HTML standard has it (9.2.6): lines end with CR, LF or both, a comment begins with a colon. */
export class EventBlocks {
  #rest = "";
  #characters = 0;
  #begun = false;
  #id: string | undefined;
  #data: string[] = [];
  #retryMs: number | undefined;

  /** The blocks that end in this piece. Throws for one that does not end. */
  push(text: string): EventBlock[] {
    const blocks: EventBlock[] = [];
    this.#rest += this.#begun ? text : text.replace(/^\uFEFF/, "");
    this.#begun ||= text !== "";
    // A CR at the end may have its LF in the next piece.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") this.#field(line);
      else blocks.push(this.#block());
    }
    if (this.#characters + this.#rest.length > blockCharactersMax) throw new Error("the stream has a block without an end");
    return blocks;
  }

  #field(line: string): void {
    this.#characters += line.length;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
  }

  #block(): EventBlock {
    const block = {
      id: this.#id,
      data: this.#data.length === 0 ? undefined : this.#data.join("\n"),
      retryMs: this.#retryMs,
    };
    this.#characters = 0;
    this.#id = undefined;
    this.#data = [];
    this.#retryMs = undefined;
    return block;
  }
}
