import { readFileSync } from 'node:fs';

/** Files that a process needs beside connections: its own, its libraries’, its logs and stores. */
const OTHER_FILES = 64;

/** How many files this process may open; undefined where the system does not tell, or sets no limit. */
export function openFilesLimit(limits: string | undefined = ownLimits()): number | undefined {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits ?? '') ?? [];
  return soft === undefined ? undefined : Number(soft);
}

/**
 * How many connections of callers leave as many files for the connections upstream that their calls need: a caller who is
 * refused can go elsewhere, while a call that finds no file has been taken on already. At least one.
 */
export function connectionsFor(openFiles: number | undefined): number | undefined {
  return openFiles === undefined ? undefined : Math.max(1, Math.floor((openFiles - OTHER_FILES) / 2));
}

// Node raises its soft limit to the hard one when it starts; only Linux shows it as a file.
function ownLimits(): string | undefined {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return undefined;
  }
}
