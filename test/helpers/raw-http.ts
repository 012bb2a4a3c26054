import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection on which bytes are written as a test likes. */
export interface RawConnection {
  readonly socket: Socket;
  /** What the server wrote so far. */
  received(): string;
  /** Resolves with everything received once the server has closed. */
  readonly closed: Promise<string>;
}

/** Connects to a server by its URL. */
export async function rawConnection(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
  // A server that refuses a request may reset the connection on which more is being written.
  socket.on('error', () => socket.destroy());
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(text)));
  await once(socket, 'connect');
  return { socket, received: () => text, closed };
}

/** Writes one request and reads until the server closes. */
export async function rawExchange(url: string, request: string): Promise<string> {
  const connection = await rawConnection(url);
  connection.socket.write(request);
  return connection.closed;
}

/** The JSON body of a response. */
export function rawBody(response: string): Record<string, unknown> {
  return JSON.parse(response.slice(response.indexOf('\r\n\r\n') + 4)) as Record<string, unknown>;
}
