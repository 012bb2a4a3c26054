import type { CacheFilter } from './invalidation-log.port.js';
import type { AnswerLabels } from './stored-answer.js';

/** Whether an answer has everything that a filter names. */
export function matches(filter: CacheFilter, key: string, labels: AnswerLabels): boolean {
  return (
    (filter.key === undefined || filter.key === key) &&
    (filter.tenant === undefined || filter.tenant === labels.tenant) &&
    (filter.task === undefined || filter.task === labels.task) &&
    (filter.prompt === undefined || filter.prompt === labels.prompt) &&
    (filter.tag === undefined || hasTag(labels.tags, filter.tag))
  );
}

function hasTag(tags: AnswerLabels['tags'], tag: string): boolean {
  if (tags === undefined) return false;
  return Object.entries(tags).some(([name, value]) => name === tag || `${name}=${value}` === tag);
}
