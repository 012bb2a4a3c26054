import type { JsonObject } from '../core/json.js';

/** A failed answer as it goes over the wire. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
  /** What the ledger calls it. */
  readonly outcome: string;
}

const STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** Content type of all of Google's JSON. */
export const JSON_TYPE = 'application/json; charset=UTF-8';

/** An error in Google's shape, pretty-printed as Google does. */
export function refusal(
  outcome: string,
  status: number,
  message: string,
  details: readonly JsonObject[] = [],
): Refusal {
  const error: JsonObject = { code: status, message, status: STATUS[status] ?? 'UNKNOWN' };
  if (details.length > 0) error.details = [...details];
  return { status, outcome, contentType: JSON_TYPE, body: `${JSON.stringify({ error }, null, 2)}\n` };
}

/** A 400 about the request itself. */
export function invalidArgument(message: string): Refusal {
  return refusal('invalid-argument', 400, message);
}

const errorInfo = (reason: string, service: string): JsonObject => ({
  '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
  reason,
  domain: 'googleapis.com',
  metadata: { service },
});

const BAD_KEY = 'API key not valid. Please pass a valid API key.';

/** A key that does not exist arrives as 400, recorded 2026-10-03. */
export const badKey = refusal('bad-key', 400, BAD_KEY, [
  errorInfo('API_KEY_INVALID', 'generativelanguage.googleapis.com'),
  { '@type': 'type.googleapis.com/google.rpc.LocalizedMessage', locale: 'en-US', message: BAD_KEY },
]);

/** No key and no token at all. */
export const missingKey = refusal(
  'missing-key',
  403,
  "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or " +
    'other form of API consumer identity to call this API.',
);

/** A token that is unknown or has expired. */
export const unauthorized = refusal(
  'unauthorized',
  401,
  'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid ' +
    'authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.',
  [errorInfo('ACCESS_TOKEN_TYPE_UNSUPPORTED', 'aiplatform.googleapis.com')],
);

/** A key or account that may not call the service. */
export const forbidden = refusal(
  'forbidden',
  403,
  'Generative Language API has not been used in project 123456789012 before or it is disabled.',
  [errorInfo('SERVICE_DISABLED', 'generativelanguage.googleapis.com')],
);

/** A model that the version of the API does not have, or not for the method. */
export function modelNotFound(model: string, version: string, method: string): Refusal {
  return refusal(
    'not-found',
    404,
    `models/${model} is not found for API version ${version}, or is not supported for ${method}. ` +
      'Call ModelService.ListModels to see the list of available models and their supported methods.',
  );
}

/** A schema beyond what constrained decoding takes (googleapis/python-genai issue 660). */
export const schemaTooComplex = refusal(
  'schema-too-complex',
  400,
  'The specified schema produces a constraint that has too many states for serving. Typical causes of this error are ' +
    'schemas with lots of text (for example, very long property or enum names), schemas with long array length limits ' +
    '(especially when nested), or schemas using complex value matchers (for example, integers or numbers with minimum/' +
    'maximum bounds or strings with complex formats like date-time)',
);

/** Google's 404 page, which infrastructure sends in place of JSON. */
export const htmlNotFound: Refusal = {
  status: 404,
  outcome: 'html-404',
  contentType: 'text/html; charset=UTF-8',
  body:
    '<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error 404 (Not Found)!!1</title>\n' +
    '  <p><b>404.</b> <ins>That’s an error.</ins>\n  <p>The requested URL was not found on this server.  ' +
    '<ins>That’s all we know.</ins>\n',
};

export const cancelled = refusal('cancelled-499', 499, 'The operation was cancelled.');
export const internal = refusal(
  'internal-500',
  500,
  'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
);
export const overloaded = refusal('unavailable-503', 503, 'The model is overloaded. Please try again later.');
export const deadlineExceeded = refusal(
  'deadline-504',
  504,
  'The request timed out. Please try again. Deadline expired before operation could complete.',
);
