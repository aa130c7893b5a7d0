/** Where a server listens. Port 0: any that is free. */
export interface ListenAddress {
  /** A name or an address; one of IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Letters, digits, `-` and `.`, beginning and ending with one of the first two; 253 is the longest name of the DNS. */
const namePattern = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

const quadPattern = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** The address in `127.0.0.1:4600`, `localhost:4600` or `[::1]:4600`; `undefined` for any other text, one without a port included. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(text);
  const [, host = "", digits = ""] = match ?? [];
  const port = Number(digits);
  if (!match || !isHost(host) || port > 65_535) return undefined;
  return { host: withoutBrackets(host), port };
}

/** Whether `text` can be the value of a Host header: a host, or a host and a port from 1 on. */
export function isHostHeader(text: string): boolean {
  return isHost(text) || (parseListen(text)?.port ?? 0) > 0;
}

/** Whether only programs of this machine reach what listens on `host`: 127.0.0.0/8, ::1 in any spelling, `localhost`. */
export function isLoopback(host: string): boolean {
  const bare = withoutBrackets(host).toLowerCase();
  if (bare === "localhost") return true;
  if (quadPattern.test(bare)) return bare.startsWith("127.");
  return isIpv6(`[${bare}]`) && new URL(`http://[${bare}]/`).hostname === "[::1]";
}

/** `http://host:port` of where a server listens; `undefined` where that is no address to ask: any port, or all addresses of a machine. */
export function originOf({ host, port }: ListenAddress): string | undefined {
  const address = `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
  if (port === 0 || !URL.canParse(address)) return undefined;
  const { hostname, origin } = new URL(address);
  return hostname === "0.0.0.0" || hostname === "[::]" ? undefined : origin;
}

function isHost(text: string): boolean {
  if (text.startsWith("[")) return isIpv6(text);
  // A last part of digits makes an address of it, and `127.1` is one to some programs only.
  return /(?:^|\.)\d+$/.test(text) ? quadPattern.test(text) : namePattern.test(text);
}

function isIpv6(text: string): boolean {
  return /^\[[0-9A-Fa-f:.]+\]$/.test(text) && URL.canParse(`http://${text}/`);
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
