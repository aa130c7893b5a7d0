import { isLockkeeperError } from "../errors/lockkeeper-error.ts";
import { publicError } from "./problem.ts";
import type { RequestContext } from "./route.ts";

/** The JSON body of a request, of so many bytes at most. Throws `REQUEST_TOO_LARGE` as soon as more come, `REQUEST_INVALID` for what is no JSON. */
export async function readJsonBody(request: RequestContext, bytesMax: number): Promise<unknown> {
  const type = request.req.header("Content-Type") ?? "";
  // A page of a stranger can send a form or plain text from its visitor's browser without asking; this it cannot.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw publicError("REQUEST_INVALID", "the body is not said to be JSON", { hint: "Send `Content-Type: application/json`." });
  }
  const text = await readText(request, bytesMax);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw publicError("REQUEST_INVALID", "the body is no JSON");
  }
}

async function readText(request: RequestContext, bytesMax: number): Promise<string> {
  const tooLarge = () => publicError("REQUEST_TOO_LARGE", `the body is larger than ${bytesMax} bytes`);
  if (Number(request.req.header("Content-Length") ?? 0) > bytesMax) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const { body } = request.req.raw;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (cause) {
    if (isLockkeeperError(cause)) throw cause;
    throw publicError("REQUEST_INVALID", "the body broke off", { cause });
  }
  return new TextDecoder("utf-8").decode(Buffer.concat(chunks));
}
