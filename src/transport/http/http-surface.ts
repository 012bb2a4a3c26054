import type { Surface } from '../../core/call.js';
import type { GatewayError } from '../../core/gateway-error.js';

/** An error as a surface writes it. */
export interface RenderedError {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What every route of an HTTP surface shares. */
export interface HttpSurface {
  readonly name: Surface;
  /** Paths that begin so belong to the surface and need a key. */
  readonly prefixes: readonly string[];
  /** Whether `?key=` is taken, as Google's clients may send it. */
  readonly keyInQuery: boolean;
  /** The error in the surface's own shape, before the first byte of an answer. */
  renderError(error: GatewayError, requestId: string): RenderedError;
}

/** Injection token of all surfaces; the first is also the shape for paths of none. */
export const HttpSurfaces = Symbol('HttpSurfaces');
export type HttpSurfaces = readonly [HttpSurface, ...HttpSurface[]];

/** The surface that a path belongs to, or undefined. */
export function surfaceOf(surfaces: HttpSurfaces, path: string): HttpSurface | undefined {
  return surfaces.find(({ prefixes }) => prefixes.some((prefix) => path.startsWith(prefix)));
}
