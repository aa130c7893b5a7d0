import { inflateSync } from "node:zlib";
import { firstLine } from "../../errors/lockkeeper-error.ts";
import {
  contextBytesMax,
  malformed,
  parseContext,
  parseContextPlace,
  parseMessagesPlace,
  pipesVariables,
  type MessagesPlace,
  type StepContext,
} from "../../model/dagster/context.ts";
import { readTextFile } from "../../platform/text-file.ts";

/** Characters of a variable; Linux has none of more than 131,072. */
const variableMax = 1_048_576;

/** What Dagster said to a command that it started. */
export interface PipesRequest {
  readonly step: StepContext;
  readonly messages: MessagesPlace;
}

/** Reads both variables, and the context's file where it lies in one. Throws `USAGE` for what Dagster did not write so, `PERMISSION_DENIED`, … */
export async function readPipesRequest(environment: NodeJS.ProcessEnv): Promise<PipesRequest> {
  const messages = parseMessagesPlace(decoded(environment, pipesVariables.messages));
  const place = parseContextPlace(decoded(environment, pipesVariables.context));
  if ("data" in place) return { messages, step: parseContext(place.data, `${pipesVariables.context}.data`) };
  const text = await readTextFile(place.path, contextBytesMax);
  if (text === undefined)
    throw malformed(pipesVariables.context, `${pipesVariables.context} names ${place.path}, which does not exist`);
  return { messages, step: parseContext(jsonOf(text, place.path), place.path) };
}

function decoded(environment: NodeJS.ProcessEnv, name: string): unknown {
  const text = environment[name]?.trim() ?? "";
  if (text === "") throw malformed(name, `${name} is not set, and ${pipesVariables.context} is`);
  if (text.length > variableMax) throw malformed(name, `${name} has ${text.length} characters; at most ${variableMax} are read`);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw malformed(name, `${name} is not base64`);
  let bytes: Buffer;
  try {
    bytes = inflateSync(Buffer.from(text, "base64"), { maxOutputLength: contextBytesMax });
  } catch (error) {
    throw malformed(name, `${name} does not hold zlib data of at most ${contextBytesMax} bytes: ${firstLine(error)}`);
  }
  return jsonOf(bytes.toString("utf8"), name);
}

function jsonOf(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(what, `${what} does not hold JSON`);
  }
}
