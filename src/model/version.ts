/** The format of manifests and records that this version writes; readers refuse a higher one (exit 14). */
export const formatVersion = 1;
