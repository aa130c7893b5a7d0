import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { parseListen, type ListenAddress } from "../../model/listen.ts";
import type { ServeLimits } from "../../model/serve-config.ts";
import { assertGuarded } from "../../server/guard.ts";
import { listen, type Listening } from "../../server/listen.ts";
import { openServerLog, type WrittenLog } from "../../server/log.ts";
import { createServer, type Server } from "../../server/server.ts";
import type { Workspace } from "../../workspace/api.ts";
import { usage } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { servingText, type ServedStore } from "../render/serve.ts";
import { runWithThreads } from "../thread-pool.ts";
import { withWorkspace } from "../workspace.ts";

interface Input {
  readonly listen?: string;
}

/** `serve`: answers until a signal comes, and then ends in order. */
export async function run(input: Input, context: CommandContext): Promise<Outcome> {
  return withWorkspace(context, async (workspace) => {
    const settings = workspace.serveSettings();
    const address = input.listen === undefined ? settings.listen : addressOf(input.listen);
    assertGuarded(address, workspace.tokens());
    const exit = await runWithThreads(threadsFor(settings.limits));
    if (exit !== undefined) return { printed: true, exit };
    const log = await openServerLog(settings.log);
    try {
      await serve(workspace, address, { context, log });
    } finally {
      log.flush();
    }
    return { printed: true, exit: 0 };
  });
}

function addressOf(text: string): ListenAddress {
  const address = parseListen(text);
  if (address !== undefined) return address;
  throw usage("--listen", text, 'say a host and a port, such as "127.0.0.1:4600" or "[::1]:4600"');
}

/** A query occupies a thread for its whole run; those that are streamed come beside the others, and file operations must not wait for either. */
function threadsFor({ concurrency }: ServeLimits): number {
  return concurrency + Math.ceil(concurrency / 2) + 4;
}

async function serve(
  workspace: Workspace,
  address: ListenAddress,
  { context, log }: { readonly context: CommandContext; readonly log: WrittenLog },
): Promise<void> {
  const stop = context.interruption();
  const { limits, drainTimeoutMs } = workspace.serveSettings();
  const server = createServer(workspace, { log, standalone: true, listen: address });
  try {
    const listening = await listen(server, { ...address, limits, log });
    await Promise.race([server.context.stores.warm(), aborted(stop)]);
    await announce(listening, server, context);
    await aborted(stop);
    log.info({ drainTimeoutMs }, "ending: no new connection is taken, what has begun is answered");
    const cut = await listening.drain(drainTimeoutMs);
    log.info({ cut }, "ended");
    if (cut > 0) throw cutError(cut, drainTimeoutMs);
  } finally {
    await server.close();
  }
}

async function announce({ url }: Listening, { context: { stores } }: Server, context: CommandContext): Promise<void> {
  const served = stores.names.map((store): ServedStore => {
    const status = stores.peek(store)?.status();
    return { store, ...(status && { release: status.release, version: status.servingVersion }) };
  });
  const text = servingText(url, served);
  if (context.options.json) await context.tell({ body: { schema: "lockkeeper/serve@1", url, stores: served }, text: () => text });
  else context.note(text);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function cutError(cut: number, drainTimeoutMs: number): LockkeeperError {
  const answers = cut === 1 ? "1 answer was" : `${cut} answers were`;
  return new LockkeeperError("INTERRUPTED", `${answers} not finished within ${drainTimeoutMs} ms and cut off`, {
    hint: "Raise serve.drain_timeout, or lower serve.limits.time.",
  });
}
