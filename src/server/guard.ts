import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { isLoopback, type ListenAddress } from "../model/listen.ts";
import type { ConfiguredTokens } from "../workspace/tokens.ts";

/**
 * Refuses to open a door that was not meant to be open. Throws `TOKENS_MISSING` where others than this machine reach the address and no token is configured, and wherever a configured
 * token cannot be used: who configured it counts on it.
 */
export function assertGuarded({ host }: ListenAddress, { usable, problems }: ConfiguredTokens): void {
  const [problem, ...more] = problems;
  if (problem !== undefined) {
    throw new LockkeeperError("TOKENS_MISSING", more.length > 0 ? `${problem}; and ${more.length} more` : problem, {
      hint: "Set the variable where the server starts, or take the token out of lockkeeper.toml.",
      findings: problems.map((detail) => ({ code: "TOKENS_MISSING", severity: "error", subject: "tokens", detail })),
    });
  }
  if (usable.length > 0 || isLoopback(host)) return;
  throw new LockkeeperError("TOKENS_MISSING", `others reach ${host}, and without a token everybody there could read`, {
    hint: "Configure [[tokens]] in lockkeeper.toml, or listen on 127.0.0.1.",
    subject: host,
  });
}
