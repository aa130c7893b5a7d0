import { publicError } from "./problem.ts";

/** Names by which this machine calls itself. */
const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

/** Which values of `Host` are answered. */
export interface HostRule {
  /** Whether only this machine can reach the server. */
  readonly loopback: boolean;
  /** The host that is listened on. */
  readonly host: string;
  /** `serve.hosts`. */
  readonly hosts: readonly string[];
}

/**
 * What throws `HOST_REFUSED` for a name that is not answered. A page of a stranger can make its own name lead to this machine and then read from it with the visitor's
 * browser; its requests carry that name. Where `serve.hosts` is empty and others can reach the server, every name is answered: there a token is needed anyway.
 */
export function hostCheck(rule: HostRule | undefined): (header: string | undefined) => void {
  if (rule === undefined || (!rule.loopback && rule.hosts.length === 0)) return () => undefined;
  const { loopback, host, hosts } = rule;
  const names = new Set([...hosts, bracketed(host), ...(loopback ? loopbackNames : [])].map((each) => each.toLowerCase()));
  // Nearly all requests come under the same name.
  let answered: string | undefined;
  return (header = "") => {
    if (header === answered) return;
    const given = header.toLowerCase();
    if (names.has(given) || names.has(given.replace(/:\d{1,5}$/, ""))) {
      answered = header;
      return;
    }
    throw publicError("HOST_REFUSED", "this server does not answer under that name", {
      hint: "Ask under a name that `serve.hosts` of lockkeeper.toml lists.",
    });
  };
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
