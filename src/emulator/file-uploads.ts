import { randomUUID } from 'node:crypto';

import { isJsonObject, type JsonObject } from '../core/json.js';
import { sendJson, type Exchange, type Wing } from './exchange.js';
import type { FileDetails, FileDraft, FileStore, StoredFile } from './file-store.js';
import { ENTITY_NOT_FOUND, parseObject, readJsonBody, sendGoogleError } from './google-rest.js';
import { parseMultipartRelated } from './multipart-related.js';
import { ResourceStore } from './resource-store.js';

const PATH = /^\/upload\/v1(?:alpha|beta)?\/files$/;
const NAME = /^files\/[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const OPEN_SESSIONS = 1000;

interface Session {
  readonly details: FileDetails;
  /** Undefined where the caller did not announce it. */
  readonly announcedBytes: number | undefined;
  readonly draft: FileDraft;
  finished?: StoredFile;
}

/**
 * Uploads of the Files API: the resumable handshake (`X-Goog-Upload-*`), `multipart` and `raw`. `render` makes
 * the resource that the last answer carries.
 */
export function fileUploads(
  files: FileStore,
  render: (file: StoredFile, origin: string) => JsonObject,
): Wing {
  const sessions = new ResourceStore<Session>({
    maxItems: OPEN_SESSIONS,
    onDrop: (session) => {
      if (session.finished === undefined) session.draft.discard();
    },
  });

  async function start(exchange: Exchange): Promise<void> {
    const body = await readJsonBody(exchange);
    if (body === undefined) return;
    const mimeType = header(exchange, 'x-goog-upload-header-content-type');
    const details = detailsOf(exchange, files, body, mimeType);
    if (details === undefined) return;
    const announced = header(exchange, 'x-goog-upload-header-content-length');
    const id = randomUUID();
    sessions.add(id, {
      details,
      announcedBytes: announced === undefined ? undefined : Number(announced),
      draft: files.draft(),
    });
    const url = `${exchange.origin}${exchange.path}?upload_id=${id}&upload_protocol=resumable`;
    exchange.res.writeHead(200, {
      'content-length': 0,
      'x-goog-upload-status': 'active',
      'x-goog-upload-url': url,
      'x-goog-upload-control-url': url,
      'x-goog-upload-chunk-granularity': '262144',
    });
    exchange.res.end();
  }

  async function resume(exchange: Exchange, id: string): Promise<void> {
    const session = sessions.get(id);
    if (session === undefined) {
      sendGoogleError(exchange, 'NOT_FOUND', ENTITY_NOT_FOUND);
      return;
    }
    const commands = new Set((header(exchange, 'x-goog-upload-command') ?? '').split(/ *, */));
    if (commands.has('cancel')) {
      sessions.delete(id);
      sendStatus(exchange, 'cancelled');
    } else if (session.finished !== undefined) {
      sendFinal(exchange, session.finished);
    } else if (commands.has('query')) {
      sendStatus(exchange, 'active', session);
    } else if (await receive(exchange, session, commands.has('upload'))) {
      if (commands.has('finalize')) finalize(exchange, session);
      else sendStatus(exchange, 'active', session);
    }
  }

  function finalize(exchange: Exchange, session: Session): void {
    const { announcedBytes, draft } = session;
    if (announcedBytes !== undefined && announcedBytes !== draft.sizeBytes) {
      refuseChunk(exchange, `Expected ${announcedBytes} bytes but received ${draft.sizeBytes}.`);
      return;
    }
    session.finished = files.finish(draft, session.details);
    sendFinal(exchange, session.finished);
  }

  function sendFinal(exchange: Exchange, file: StoredFile): void {
    sendJson(exchange, 200, { file: render(file, exchange.origin) }, { 'x-goog-upload-status': 'final' });
  }

  async function whole(exchange: Exchange, isMultipart: boolean): Promise<void> {
    const contentType = header(exchange, 'content-type') ?? '';
    const body = await exchange.readBody();
    const parts = isMultipart ? parseMultipartRelated(contentType, body) : undefined;
    const media = isMultipart ? parts?.[1] : { contentType, content: body };
    const metadata = isMultipart ? parseObject(parts?.[0]?.content.toString() ?? '') : {};
    if (media === undefined || metadata === undefined) {
      sendGoogleError(exchange, 'INVALID_ARGUMENT', 'Failed to parse the multipart request.');
      return;
    }
    const details = detailsOf(exchange, files, metadata, media.contentType);
    if (details === undefined) return;
    const draft = files.draft();
    draft.append(media.content);
    sendFinal(exchange, files.finish(draft, details));
  }

  return async (exchange) => {
    if (!PATH.test(exchange.path) || (exchange.method !== 'POST' && exchange.method !== 'PUT')) return false;
    const id = exchange.query.get('upload_id');
    const protocol = header(exchange, 'x-goog-upload-protocol') ?? exchange.query.get('uploadType');
    if (id !== null) await resume(exchange, id);
    else if (protocol === 'resumable') await start(exchange);
    else await whole(exchange, protocol === 'multipart');
    return true;
  };
}

/** Takes the bytes of one chunk, as they come. False when the chunk did not fit and the caller was told so. */
async function receive(exchange: Exchange, session: Session, isUpload: boolean): Promise<boolean> {
  const offset = Number(header(exchange, 'x-goog-upload-offset') ?? session.draft.sizeBytes);
  if (!isUpload) return true;
  if (offset !== session.draft.sizeBytes) {
    refuseChunk(exchange, `Expected offset ${session.draft.sizeBytes} but got ${offset}.`);
    return false;
  }
  for await (const chunk of exchange.req) session.draft.append(chunk as Buffer);
  return true;
}

function refuseChunk(exchange: Exchange, message: string): void {
  sendGoogleError(exchange, 'INVALID_ARGUMENT', message, { 'x-goog-upload-status': 'active' });
}

function sendStatus(exchange: Exchange, status: 'active' | 'cancelled', session?: Session): void {
  exchange.res.writeHead(200, {
    'content-length': 0,
    'x-goog-upload-status': status,
    ...(session !== undefined && { 'x-goog-upload-size-received': session.draft.sizeBytes }),
  });
  exchange.res.end();
}

/** Reads `{file: {…}}`; undefined when it is no valid file and the caller was told so. */
function detailsOf(
  exchange: Exchange,
  files: FileStore,
  body: JsonObject,
  mediaType: string | undefined,
): FileDetails | undefined {
  const file = isJsonObject(body['file']) ? body['file'] : {};
  const { name, displayName, mimeType } = file;
  if (name !== undefined && (typeof name !== 'string' || !NAME.test(name))) {
    sendGoogleError(exchange, 'INVALID_ARGUMENT', `Invalid file name: ${JSON.stringify(name)}.`);
    return undefined;
  }
  if (name !== undefined && files.files.get(name) !== undefined) {
    sendGoogleError(exchange, 'ALREADY_EXISTS', `The File ${name} already exists.`);
    return undefined;
  }
  return {
    name,
    displayName: typeof displayName === 'string' ? displayName : undefined,
    mimeType: (typeof mimeType === 'string' ? mimeType : mediaType) ?? 'application/octet-stream',
    source: 'UPLOADED',
  };
}

function header(exchange: Exchange, name: string): string | undefined {
  const value = exchange.req.headers[name];
  return typeof value === 'string' ? value : undefined;
}
