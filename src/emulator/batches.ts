import { randomBytes } from 'node:crypto';

import type { Clock } from '../core/clock.js';
import type { GenerateContentRequest, GenerateContentResponse } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { sendJson, type Exchange, type Wing } from './exchange.js';
import type { FileStore } from './file-store.js';
import {
  ENTITY_NOT_FOUND,
  parseObject,
  readJsonBody,
  sendGoogleError,
  sendList,
  timestamp,
} from './google-rest.js';
import { ResourceStore } from './resource-store.js';

/** What batches depend on, and how long they take. */
export interface BatchesOptions {
  readonly clock: Clock;
  /** Answers one request of a batch. */
  readonly answer: (model: string, request: GenerateContentRequest) => GenerateContentResponse;
  /** Where input files are read and result files are put. */
  readonly files: FileStore;
  /** From creation to SUCCEEDED; a batch is PENDING for the first half of it, RUNNING for the second. */
  readonly completionDelayMs?: number;
}

type BatchState = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'CANCELLED';

interface Batch {
  readonly name: string;
  /** With `models/`. */
  readonly model: string;
  readonly displayName: string;
  /** Input file; undefined for inline requests. */
  readonly fileName: string | undefined;
  /** Each with `request`, and with `metadata` or `key`, which come back beside the response. */
  requests: readonly JsonObject[];
  readonly requestCount: number;
  readonly createdMs: number;
  readonly startedMonotonicMs: number;
  result?: { readonly output: JsonObject | undefined; readonly endedMs: number; readonly failed: number };
}

const CREATE = /^\/v1(?:alpha|beta)?\/models\/([^/:]+):batchGenerateContent$/;
const COLLECTION = /^\/v1(?:alpha|beta)?\/batches$/;
const RESOURCE = /^\/v1(?:alpha|beta)?\/batches\/([^/:]+)(:cancel)?$/;
const TYPE = 'type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch';
const INVALID_ARGUMENT_CODE = 3;

/** The batch API of the Developer API: inline requests or a JSONL file in, the same out. */
export function batchesWing(options: BatchesOptions): Wing {
  const { clock, answer, files, completionDelayMs = 0 } = options;
  const batches = new ResourceStore<Batch>({ maxItems: 1000 });

  async function create(exchange: Exchange, model: string): Promise<void> {
    const body = await readJsonBody(exchange);
    if (body === undefined) return;
    const batch = isJsonObject(body['batch']) ? body['batch'] : {};
    const input = isJsonObject(batch['inputConfig']) ? batch['inputConfig'] : {};
    const requests = requestsOf(exchange, input, files);
    if (requests === undefined) return;
    const created: Batch = {
      name: `batches/${randomBytes(18).toString('hex')}`,
      model: `models/${model}`,
      displayName: typeof batch['displayName'] === 'string' ? batch['displayName'] : '',
      fileName: typeof input['fileName'] === 'string' ? input['fileName'] : undefined,
      requests,
      requestCount: requests.length,
      createdMs: clock.wallMs(),
      startedMonotonicMs: clock.monotonicMs(),
    };
    batches.add(created.name, created);
    sendJson(exchange, 200, render(created, 'PENDING', clock.wallMs()));
  }

  function stateOf(batch: Batch): BatchState {
    const elapsedMs = clock.monotonicMs() - batch.startedMonotonicMs;
    if (batch.result === undefined && elapsedMs >= completionDelayMs) complete(batch);
    if (batch.result !== undefined) return batch.result.output === undefined ? 'CANCELLED' : 'SUCCEEDED';
    return elapsedMs * 2 < completionDelayMs ? 'PENDING' : 'RUNNING';
  }

  function complete(batch: Batch): void {
    const model = batch.model.slice('models/'.length);
    const responses = batch.requests.map(({ request, ...rest }): JsonObject => {
      if (isJsonObject(request)) return { ...rest, response: answer(model, request) };
      return { ...rest, error: { code: INVALID_ARGUMENT_CODE, message: 'The request is not valid.' } };
    });
    batch.result = {
      output: batch.fileName === undefined ? inline(responses) : intoFile(batch, responses),
      endedMs: batch.createdMs + completionDelayMs,
      failed: responses.filter((response) => response['error'] !== undefined).length,
    };
    batch.requests = [];
  }

  function intoFile(batch: Batch, responses: readonly JsonObject[]): JsonObject {
    const draft = files.draft();
    for (const response of responses) draft.append(Buffer.from(`${JSON.stringify(response)}\n`));
    const file = files.finish(draft, {
      name: `files/${batch.name.replace('batches/', 'batch-')}`,
      displayName: undefined,
      mimeType: 'application/jsonl',
      source: 'GENERATED',
    });
    return { responsesFile: file.name };
  }

  function act(exchange: Exchange, batch: Batch): void {
    const state = stateOf(batch);
    if (exchange.method === 'GET') {
      sendJson(exchange, 200, render(batch, state, clock.wallMs()));
      return;
    }
    if (exchange.method === 'DELETE') batches.delete(batch.name);
    else if (batch.result === undefined)
      batch.result = { output: undefined, endedMs: clock.wallMs(), failed: 0 };
    sendJson(exchange, 200, {});
  }

  return async (exchange) => {
    const { method, path } = exchange;
    const [, model] = CREATE.exec(path) ?? [];
    if (model !== undefined && method === 'POST') {
      await create(exchange, model);
      return true;
    }
    if (COLLECTION.test(path) && method === 'GET') {
      sendList(exchange, {
        field: 'operations',
        store: batches,
        render: (batch) => render(batch, stateOf(batch), clock.wallMs()),
        defaultSize: 10,
        maxSize: 1000,
      });
      return true;
    }
    const [, id, cancel] = RESOURCE.exec(path) ?? [];
    if (id === undefined) return false;
    if (cancel === undefined ? method !== 'GET' && method !== 'DELETE' : method !== 'POST') return false;
    const batch = batches.get(`batches/${id}`);
    if (batch === undefined) sendGoogleError(exchange, 'NOT_FOUND', ENTITY_NOT_FOUND);
    else act(exchange, batch);
    return true;
  };
}

/** The requests of a batch, from the body or from a file; undefined when there are none and the caller was told. */
function requestsOf(exchange: Exchange, input: JsonObject, files: FileStore): JsonObject[] | undefined {
  const { fileName, requests } = input;
  if (typeof fileName === 'string') {
    const content = files.files.get(fileName)?.content;
    if (content === undefined) {
      sendGoogleError(exchange, 'NOT_FOUND', ENTITY_NOT_FOUND);
      return undefined;
    }
    const lines = content.toString().split('\n');
    return lines.filter((line) => line.trim() !== '').map((line) => parseObject(line) ?? {});
  }
  const inlined: JsonValue | undefined = isJsonObject(requests) ? requests['requests'] : undefined;
  if (Array.isArray(inlined) && inlined.length > 0)
    return inlined.map((request) => (isJsonObject(request) ? request : {}));
  sendGoogleError(exchange, 'INVALID_ARGUMENT', 'The batch has no requests.');
  return undefined;
}

function inline(responses: JsonObject[]): JsonObject {
  return { inlinedResponses: { inlinedResponses: responses } };
}

/** The operation that stands for a batch. Zero counts are omitted, as Google does. */
function render(batch: Batch, state: BatchState, now: number): JsonObject {
  const { result } = batch;
  const output = state === 'SUCCEEDED' ? result?.output : undefined;
  const succeeded = output === undefined ? 0 : batch.requestCount - (result?.failed ?? 0);
  const open = state === 'PENDING' || state === 'RUNNING';
  const counts = {
    requestCount: batch.requestCount,
    successfulRequestCount: succeeded,
    failedRequestCount: result?.failed ?? 0,
    pendingRequestCount: open ? batch.requestCount : 0,
  };
  return {
    name: batch.name,
    metadata: {
      '@type': TYPE,
      model: batch.model,
      displayName: batch.displayName,
      ...(batch.fileName !== undefined && { inputConfig: { fileName: batch.fileName } }),
      ...(output !== undefined && { output }),
      createTime: timestamp(batch.createdMs),
      updateTime: timestamp(result?.endedMs ?? now),
      ...(result !== undefined && { endTime: timestamp(result.endedMs) }),
      batchStats: Object.fromEntries(
        Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [[name, String(count)]] : [])),
      ),
      state: `BATCH_STATE_${state}`,
      name: batch.name,
    },
    ...(!open && { done: true }),
    ...(output !== undefined && { response: { '@type': `${TYPE}Output`, ...output } }),
    ...(state === 'CANCELLED' && { error: { code: 1, message: 'The batch was cancelled.' } }),
  };
}
