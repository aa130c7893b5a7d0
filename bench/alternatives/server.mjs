// @ts-check
/**
 * The app, the same for each way that is written in Node: `node server.mjs WAY FOLDER`. Prints `listening <port>`.
 * `/ask` answers the question; `/ask?between=500` rests as many milliseconds between its two statements. `/health` is what somebody
 * would write: the question is asked, and it is well if there is an answer; Lockkeeper's way adds its reader's status.
 */
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const [way = "", folder = ""] = process.argv.slice(2);
const { openReader } = await import(new URL(`ways/${way}.mjs`, import.meta.url).href);
const reader = await /** @type {import("./ways.mjs").OpenReader} */ (openReader)(folder);

const server = createServer((request, response) => void answer(request, response));

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function answer(request, response) {
  const url = new URL(request.url ?? "/", "http://localhost");
  try {
    const betweenMs = Number(url.searchParams.get("between") ?? "0");
    const told = await reader.ask(betweenMs > 0 ? () => pause(betweenMs) : undefined);
    if (url.pathname === "/health" && reader.healthy?.() === false)
      throw new Error("the reader does not serve what is published");
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(told));
  } catch (error) {
    response.writeHead(503, { "Content-Type": "application/json" }).end(JSON.stringify({ error: String(error) }));
  }
}

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(`listening ${typeof address === "object" ? address?.port : ""}`);
});
