import { statfs } from "node:fs/promises";
import type { Disk } from "./port.ts";

/** Magic numbers of statfs(2), from Linux's `magic.h`; other platforms report other numbers and count as local. */
const fileSystems: Record<string, { readonly name: string; readonly network: boolean }> = {
  "6969": { name: "nfs", network: true },
  "517b": { name: "smb", network: true },
  ff534d42: { name: "cifs", network: true },
  fe534d42: { name: "smb2", network: true },
  "65735546": { name: "fuse", network: true },
  "1021997": { name: "9p", network: true },
  c36400: { name: "ceph", network: true },
  "5346414f": { name: "afs", network: true },
  "794c7630": { name: "overlayfs", network: false },
  ef53: { name: "ext4", network: false },
  "58465342": { name: "xfs", network: false },
  "9123683e": { name: "btrfs", network: false },
  "1021994": { name: "tmpfs", network: false },
};

/** Free space and kind of the volumes of this machine. */
export const nodeDisk: Disk = {
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path, { bigint: true });
    return Number(bavail * bsize);
  },
  async kind(path) {
    const { type } = await statfs(path, { bigint: true });
    const magic = BigInt.asUintN(32, type).toString(16);
    if (process.platform !== "linux") return { name: process.platform, network: false };
    return fileSystems[magic] ?? { name: `0x${magic}`, network: false };
  },
};
