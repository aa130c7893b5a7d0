// @ts-check
import { accessSync, constants } from "node:fs";
import { delimiter } from "node:path";

/** The folders that programs are looked for in. */
export function pathFolders() {
  return (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
}

/** @param {string} path */
export function canRun(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
