import type { ErrorCode } from "../../../src/errors/codes.ts";

/** What a row may refer to; the test fills it in. */
export interface Scene {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Of level admin. */
  readonly token: string;
  /** Of level read, for the store `holdings` alone. */
  readonly readerToken: string;
  /** A good token of the second page of table `t` of store `holdings`. */
  readonly page: string;
}

/** A request that must not get what it asks for. */
export interface BadRequest {
  readonly name: string;
  /** Its characters are bytes. */
  readonly bytes: (scene: Scene) => string;
  /** What is answered; `closed` where the connection may end without a word. */
  readonly answer: readonly [status: number, code: ErrorCode] | "closed";
}

/** Header lines by name; `undefined` leaves one of the usual ones out, a list sends one several times. */
export type HeaderLines = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A request as it goes over the wire, with the usual headers unless `headers` says otherwise. */
export function request({ host, token }: Scene, { method = "GET", target, headers = {}, body = "" }: RequestParts): string {
  const usual: HeaderLines = { Host: host, Authorization: `Bearer ${token}`, Connection: "close" };
  const length: HeaderLines = body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body, "latin1")) };
  const lines = Object.entries({ ...usual, ...length, ...headers }).flatMap(([name, values]) =>
    (values === undefined ? [] : [values].flat()).map((value) => `${name}: ${value}\r\n`),
  );
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

/** The parts of a request. */
export interface RequestParts {
  readonly method?: string;
  readonly target: string;
  readonly headers?: HeaderLines;
  /** Its characters are bytes. */
  readonly body?: string;
}

/** A row whose request is well-formed HTTP. */
export function row(
  name: string,
  parts: RequestParts | ((scene: Scene) => RequestParts),
  answer: BadRequest["answer"],
): BadRequest {
  return { name, bytes: (scene) => request(scene, typeof parts === "function" ? parts(scene) : parts), answer };
}

/** A row of bytes as they are; `HOST` and `TOKEN` in them are filled in. */
export function wire(name: string, text: string, answer: BadRequest["answer"]): BadRequest {
  return { name, bytes: ({ host, token }) => text.replaceAll("HOST", host).replaceAll("TOKEN", token), answer };
}
