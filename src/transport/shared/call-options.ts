import type { IncomingHttpHeaders } from 'node:http';
import type { JsonValue } from '../../core/json.js';
import { invalid, someTextAt } from './request-fields.js';

const TASK_PREFIX = 'task:';
const MAX_ID = 128;
const WORD = /^[\w.:-]{1,64}$/;

/** What the field `model` and the header for tasks ask for. */
export interface Asked {
  readonly task?: string;
  readonly model?: string;
}

/** `task:<name>` asks for a task, anything else for a model; the header `x-gateway-task` asks for a task as well. */
export function askedOf(value: JsonValue | undefined, headers: IncomingHttpHeaders): Asked {
  const header = headerWord(headers, 'x-gateway-task');
  if (value === undefined) {
    if (header === undefined)
      throw invalid('model', 'is missing: a model, or "task:" and the name of a task');
    return { task: header };
  }
  const name = someTextAt(value, 'model');
  if (!name.startsWith(TASK_PREFIX)) {
    return { model: name.replace(/^models\//, ''), ...(header === undefined ? {} : { task: header }) };
  }
  const task = name.slice(TASK_PREFIX.length);
  if (task === '') throw invalid('model', 'names no task behind "task:"');
  if (header !== undefined && header !== task)
    throw invalid('model', 'names another task than the header x-gateway-task');
  return { task };
}

/** How long a client says that it waits; nothing where it does not say. */
export function patienceOf(headers: IncomingHttpHeaders): { readonly timeoutMs?: number } {
  const timeoutMs = Number(headers['x-stainless-timeout']) * 1000;
  return timeoutMs > 0 ? { timeoutMs } : {};
}

/** A header that is a word of the caller's own; undefined where it is none. */
export function headerWord(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && WORD.test(value) ? value : undefined;
}

/** A name that a caller gives to somebody or something. */
export function idAt(value: JsonValue, path: string): string {
  const id = someTextAt(value, path);
  if (id.length > MAX_ID) throw invalid(path, `must have at most ${MAX_ID} characters`);
  return id;
}
