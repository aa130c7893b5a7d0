import {
  judgeLease,
  leaseInvalid,
  parseLease,
  renderLease,
  type Lease,
  type LeaseVerdict,
  type SeenFile,
} from "../../model/lease.ts";
import { replaceFile } from "../../platform/files.ts";
import { messagesPath } from "../build/environment.ts";
import type { ReleaseStore } from "../store.ts";

/** A lease has a few hundred bytes. */
const leaseBytesMax = 64 * 1024;

/** The lease of a build; `undefined` for one that has none: an attached build. Throws `LEASE_INVALID`, `FORMAT_UNSUPPORTED`. */
export function readLease(store: ReleaseStore, build: string): Lease | undefined {
  const path = store.paths.lease(build);
  const read = store.platform.files.readNow(path, leaseBytesMax);
  if (read === undefined) return undefined;
  if (read.bytes !== undefined) return parseLease(read.bytes, { build, path });
  const { kind, bytes } = read.stat;
  const what = kind === "file" ? `has ${bytes} bytes; at most ${leaseBytesMax} are read` : `is not a regular file (${kind})`;
  throw leaseInvalid({ build, path }, what);
}

/** Where this machine stands now, as a lease keeps it. */
export function momentNow(store: ReleaseStore): Lease["started"] {
  const { clock, processes } = store.platform;
  return { at: clock.now().toISOString(), bootId: processes.self().bootId, uptimeMs: clock.uptimeMs() };
}

/** What a lease says now. A messages file that is none tells nothing. */
export async function verdictOf(store: ReleaseStore, lease: Lease): Promise<LeaseVerdict> {
  const { bootId, uptimeMs } = momentNow(store);
  return judgeLease(lease, { bootId, uptimeMs, messages: await seenMessages(store, lease.build) });
}

/** Wall time at which a lease would run out, were nobody to touch the clock; for people. */
export function expiresAt(store: ReleaseStore, remainingMs: number): string {
  return new Date(store.platform.clock.now().getTime() + remainingMs).toISOString();
}

/** Writes a lease that begins to run now, durably. Called with the folder's lock held. Returns what was written. */
export async function writeLease(
  store: ReleaseStore,
  lease: Omit<Lease, "formatVersion" | "renewed" | "expiresAt">,
): Promise<Omit<Lease, "formatVersion">> {
  const messages = await seenMessages(store, lease.build);
  const renewed = { ...momentNow(store), ...(messages && { messages }) };
  const written = { ...lease, renewed, expiresAt: expiresAt(store, lease.leaseMs) };
  await replaceFile(store.platform, { path: store.paths.lease(lease.build), bytes: renderLease(written), failpoint: "lease" });
  return written;
}

async function seenMessages(store: ReleaseStore, build: string): Promise<SeenFile | undefined> {
  const stat = await store.platform.files.stat(messagesPath(store.paths.build(build)));
  if (stat?.kind !== "file") return undefined;
  return { device: String(stat.device), inode: String(stat.inode), bytes: stat.bytes };
}
