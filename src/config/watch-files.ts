import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock, Timer } from '../core/clock.js';

/** Time without further changes after which a change counts as complete. */
const SETTLE_MS = 100;

/** Files under watch. */
export interface FileWatch {
  close(): void;
}

/**
 * Calls `onChange` once after any of the files changed, appeared or was replaced. Watches the directories, so
 * that editors that rename and Kubernetes volumes that swap their `..data` link are seen. `onError` hears of a
 * directory that cannot be watched (any more). Does not keep the process alive.
 */
export function watchFiles(
  paths: readonly string[],
  clock: Clock,
  onChange: () => void,
  onError: (error: Error) => void,
): FileWatch {
  const directories = Map.groupBy(paths, dirname);
  let settling: Timer | undefined;
  const changed = (): void => {
    settling?.clear();
    settling = clock.after(SETTLE_MS, onChange);
  };
  const watchers: FSWatcher[] = [];
  for (const [directory, files] of directories) {
    const names = new Set(files.map((file) => basename(file)));
    try {
      const watcher = watch(directory, { persistent: false }, (_, name) => {
        if (name === null || names.has(name) || name.startsWith('..')) changed();
      });
      watcher.on('error', onError);
      watchers.push(watcher);
    } catch (thrown) {
      onError(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }
  return {
    close: () => {
      settling?.clear();
      for (const watcher of watchers) watcher.close();
    },
  };
}
