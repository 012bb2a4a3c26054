import type { JsonObject } from '../core/json.js';
import { sendJson, type Exchange, type Wing } from './exchange.js';
import type { FileStore, StoredFile } from './file-store.js';
import { fileUploads } from './file-uploads.js';
import { sendGoogleError, sendList, timestamp } from './google-rest.js';

const COLLECTION = /^\/v1(?:alpha|beta)?\/files$/;
const RESOURCE = /^(?:\/download)?\/v1(?:alpha|beta)?\/files\/([^/:]+)(:download)?$/;

/** The Files API: uploads, listing, metadata, deletion and download. */
export function filesWing(files: FileStore): Wing {
  const render = (file: StoredFile, origin: string): JsonObject => ({
    name: file.name,
    ...(file.displayName !== undefined && { displayName: file.displayName }),
    mimeType: file.mimeType,
    sizeBytes: String(file.sizeBytes),
    createTime: timestamp(file.createdMs),
    updateTime: timestamp(file.createdMs),
    expirationTime: timestamp(file.expiresMs),
    sha256Hash: file.sha256Hash,
    uri: `${origin}/v1beta/${file.name}`,
    ...(file.source === 'GENERATED' && { downloadUri: `${origin}/v1beta/${file.name}:download?alt=media` }),
    state: files.state(file),
    source: file.source,
  });

  function answer(exchange: Exchange, id: string, isDownload: boolean): boolean {
    const file = files.files.get(`files/${id}`);
    const { method } = exchange;
    if (method !== 'GET' && (method !== 'DELETE' || isDownload)) return false;
    if (file === undefined)
      sendGoogleError(
        exchange,
        'PERMISSION_DENIED',
        `You do not have permission to access the File ${id} or it may not exist.`,
      );
    else if (isDownload) sendContent(exchange, file);
    else if (method === 'GET') sendJson(exchange, 200, render(file, exchange.origin));
    else {
      files.files.delete(file.name);
      sendJson(exchange, 200, {});
    }
    return true;
  }

  const uploads = fileUploads(files, render);
  return (exchange) => {
    if (exchange.path.startsWith('/upload/')) return uploads(exchange);
    if (exchange.method === 'GET' && COLLECTION.test(exchange.path)) {
      sendList(exchange, {
        field: 'files',
        store: files.files,
        render: (file) => render(file, exchange.origin),
        defaultSize: 10,
        maxSize: 100,
      });
      return true;
    }
    const [, id, action] = RESOURCE.exec(exchange.path) ?? [];
    return id !== undefined && answer(exchange, id, action !== undefined);
  };
}

function sendContent(exchange: Exchange, file: StoredFile): void {
  if (file.content === undefined) {
    sendGoogleError(exchange, 'FAILED_PRECONDITION', `The content of ${file.name} is not kept.`);
    return;
  }
  exchange.res.writeHead(200, { 'content-type': file.mimeType, 'content-length': file.content.length });
  exchange.res.end(file.content);
}
