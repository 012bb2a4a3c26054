import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Exchange, Wing } from '../../src/emulator/exchange.js';

/** A running server that has only the wings under test. */
export interface WingServer {
  readonly origin: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves wings on a free port of the loopback interface; what no wing takes is a bare 404. */
export async function serveWings(...wings: Wing[]): Promise<WingServer> {
  const server = createServer((req, res) => {
    void dispatch(wings, req, res);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, port, close: () => close(server) };
}

async function dispatch(wings: readonly Wing[], req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', `http://${req.headers.host}`);
  const exchange: Exchange = {
    method: req.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    origin: url.origin,
    req,
    res,
    readBody: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
  };
  try {
    for (const wing of wings) if (await wing(exchange)) return;
    res.writeHead(404).end();
  } catch (error) {
    res.destroy(error as Error);
  }
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
