import type { Api } from './usage.js';

/** Google's methods on a model that the emulator answers itself. */
export type Operation =
  | 'generateContent'
  | 'streamGenerateContent'
  | 'countTokens'
  | 'embedContent'
  | 'batchEmbedContents'
  | 'predict'
  | 'getModel'
  | 'listModels';

/** What a URL asks for, as far as it is about models. */
export interface ModelRoute {
  readonly api: Api;
  /** `v1`, `v1beta`, … */
  readonly version: string;
  readonly operation: Operation;
  readonly stream: boolean;
  /** Server-sent events; otherwise a stream is one JSON array. */
  readonly sse: boolean;
  /** Without `models/`; empty for the list. */
  readonly model: string;
  /** Of a Vertex path; empty on the Developer API. */
  readonly project: string;
  /** `global` where the path names none. */
  readonly location: string;
  /** Without query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

const POST_OPERATIONS = {
  generateContent: true,
  streamGenerateContent: true,
  countTokens: true,
  embedContent: true,
  batchEmbedContents: true,
  predict: true,
} as const satisfies Partial<Record<Operation, true>>;

const DEVELOPER = /^\/(v1|v1beta|v1alpha)\/models(?:\/([^/:]+)(?::(\w+))?)?$/;
const VERTEX =
  /^\/(v1|v1beta1)\/(?:projects\/([^/]+)\/locations\/([^/]+)\/)?publishers\/google\/models(?:\/([^/:]+)(?::(\w+))?)?$/;
const REMEMBERED_URLS = 2048;

const remembered = new Map<string, ModelRoute | undefined>();

/** The route of a request, or undefined where it is none of the model routes. */
export function modelRoute(method: string, url: string): ModelRoute | undefined {
  const key = method === 'POST' ? url : `${method} ${url}`;
  const known = remembered.get(key);
  if (known !== undefined || remembered.has(key)) return known;
  if (remembered.size >= REMEMBERED_URLS) remembered.clear();
  const route = parse(method, url);
  remembered.set(key, route);
  return route;
}

function parse(method: string, url: string): ModelRoute | undefined {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const developer = DEVELOPER.exec(path);
  const [, version, project, location, model, verb] =
    developer === null ? (VERTEX.exec(path) ?? []) : [path, developer[1], '', '', developer[2], developer[3]];
  if (version === undefined) return undefined;
  const operation = operationOf(method, model, verb);
  if (operation === undefined) return undefined;
  const stream = operation === 'streamGenerateContent';
  return {
    api: developer === null ? 'vertex' : 'developer',
    version,
    operation,
    stream,
    sse: stream && query.get('alt') === 'sse',
    model: model === undefined ? '' : decodeURIComponent(model),
    project: project ?? '',
    location: location === undefined || location === '' ? 'global' : location,
    path,
    query,
  };
}

function operationOf(
  method: string,
  model: string | undefined,
  verb: string | undefined,
): Operation | undefined {
  if (method === 'GET' && verb === undefined) return model === undefined ? 'listModels' : 'getModel';
  if (method !== 'POST' || verb === undefined) return undefined;
  return verb in POST_OPERATIONS ? (verb as keyof typeof POST_OPERATIONS) : undefined;
}
