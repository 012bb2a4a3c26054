// Started as a thread of its own, also from its source: it imports no file by name but the one that it is given.
import { parentPort, workerData } from 'node:worker_threads';
import type { JsonValue } from '../core/json.js';
import type { SchemaJob, SchemaReply, WORKER_READY } from './schema-job.js';
import type { Validator, ValidatorTerms } from './schema-validators.js';

type Validators = typeof import('./schema-validators.js');

const KEPT_VALIDATORS = 64;
const KEPT_CHARS = 2_000_000;

const { makeValidator, unsoundness } = (await import(
  (workerData as { validators: string }).validators
)) as Validators;

/** Validators by what they were made from; the first is the one that was used least lately. */
const kept = new Map<string, Validator>();
let keptChars = 0;

function validatorFor(terms: ValidatorTerms): Validator {
  const key = `${terms.dialect} ${terms.allErrors} ${terms.text}`;
  const known = kept.get(key);
  kept.delete(key);
  const validator = known ?? makeValidator(terms);
  kept.set(key, validator);
  if (known === undefined) keptChars += key.length;
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_VALIDATORS && keptChars <= KEPT_CHARS) break;
    kept.delete(oldest);
    keptChars -= oldest.length;
  }
  return validator;
}

function answer(job: SchemaJob): SchemaReply {
  const { terms } = job;
  try {
    if (job.kind === 'compile') {
      const unsound = unsoundness(terms.dialect, JSON.parse(terms.text) as JsonValue);
      if (unsound !== undefined) return { kind: 'unsound', unsound };
    }
    const validator = validatorFor(terms);
    if (job.kind === 'compile') return { kind: 'sound' };
    return { kind: 'verdict', verdict: validator(JSON.parse(job.document) as JsonValue) };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { kind: 'unsound', unsound: { message, path: '' } };
  }
}

// What the dialects' own rules cost to compile is spent before the first job's time runs.
unsoundness('draft2020-12', {});
unsoundness('draft7', {});
parentPort?.on('message', (job: SchemaJob) => parentPort?.postMessage(answer(job), []));
parentPort?.postMessage('ready' satisfies typeof WORKER_READY, []);
