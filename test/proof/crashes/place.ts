/** Where the modelled store lies. */
export const storeFolder = "/data/store";

/** The fewest releases that a modelled store of layout `releases` keeps: so many of the newest are there on every legal disk. */
export const keepLeast = 2;

/** A disk that a crash must never leave. */
export class Damage extends Error {}
