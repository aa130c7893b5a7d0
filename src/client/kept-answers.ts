/** An answer's text, by which ETag it is asked for again. */
export interface KeptAnswer {
  readonly etag: string;
  readonly text: string;
}

/** Answers by their address, the least lately used dropped first. */
export class KeptAnswers {
  readonly #bytesMax: number;
  readonly #answers = new Map<string, KeptAnswer>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is kept of an address. */
  get(url: string): KeptAnswer | undefined {
    const answer = this.#answers.get(url);
    if (answer) this.#use(url, answer);
    return answer;
  }

  /** Keeps an answer, unless it alone is larger than half of all. */
  set(url: string, answer: KeptAnswer): void {
    this.#drop(url);
    if (bytesOf(answer) > this.#bytesMax / 2) return;
    this.#answers.set(url, answer);
    this.#bytes += bytesOf(answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#drop(oldest);
    }
  }

  #use(url: string, answer: KeptAnswer): void {
    this.#answers.delete(url);
    this.#answers.set(url, answer);
  }

  #drop(url: string): void {
    const known = this.#answers.get(url);
    if (!known) return;
    this.#answers.delete(url);
    this.#bytes -= bytesOf(known);
  }
}

/** As engines hold text that is not plain ASCII. */
function bytesOf({ etag, text }: KeptAnswer): number {
  return 2 * (etag.length + text.length);
}
