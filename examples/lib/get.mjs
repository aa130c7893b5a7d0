// @ts-check
import { request } from "node:http";

/**
 * Asks over a connection of the agent; resolves with any status.
 *
 * @param {string} url
 * @param {import("node:http").Agent} agent
 * @returns {Promise<{ status: number, text: string }>}
 */
export function get(url, agent) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk) => {
        text += chunk;
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, text }));
      incoming.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
