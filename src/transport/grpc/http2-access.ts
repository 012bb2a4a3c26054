import type { Http2SecureServer, Http2Server, ServerHttp2Stream } from 'node:http2';
import type { Server, ServerInterceptingCallInterface } from '@grpc/grpc-js';

// grpc-js has no way of its own to reset a call that nobody reads, nor to count the pings of a connection. What lies
// below is private there; a test of each use fails when it moves.

/** The HTTP/2 stream of a call. */
export function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  return Reflect.get(call, 'stream') as ServerHttp2Stream | undefined;
}

/** The listeners of a server that is bound. */
export function listenersOf(server: Server): readonly (Http2Server | Http2SecureServer)[] {
  const servers = Reflect.get(server, 'http2Servers') as
    | ReadonlyMap<Http2Server | Http2SecureServer, unknown>
    | undefined;
  return [...(servers?.keys() ?? [])];
}
