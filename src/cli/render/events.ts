import type { StoreEvent } from "../../model/events.ts";
import { relText } from "./plan.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

/** One line an event: when, which store, which event, and what happened. */
export function eventText(event: StoreEvent, style: Style): string {
  const { time, store, id } = event;
  return `${style.dim(time)}  ${store}  ${style.dim(`#${id}`)}  ${whatHappened(event, style)}`;
}

function whatHappened(event: StoreEvent, style: Style): string {
  const said = event.detail ?? event.note;
  const because = said === undefined ? "" : `: ${printable(said)}`;
  const build = event.build === undefined ? "a build" : `build ${printable(event.build)}`;
  if (event.type === "release.refused") return `${style.yellow("refused")} ${build}${because}`;
  if (event.type === "build.failed") return `${style.red("failed")} ${build}${because}`;
  const { release, version, previous, reason } = event;
  const to = release === undefined || version === undefined ? "a release" : printable(relText({ release, version }));
  const from = previous ? `, before it was ${printable(relText(previous))}` : "";
  return `${style.green(verbs[reason ?? "publish"])} ${style.bold(to)}${from}${because}`;
}

const verbs = {
  publish: "published",
  rollback: "rolled back to",
  adopt: "adopted as",
  foreign: "switched by another program to",
} as const;
