import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { GatewayError } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';
import { countTokensSchema, embedSchema, generateSchema, SOME_TEXT } from './request-schemas.js';
import type { EmbedBody, GenerateBody } from './requests.js';

// Stops at the first error: a hostile body cannot make a long list. `ownProperties` keeps `__proto__` a plain name.
const ajv = new Ajv({
  allErrors: false,
  strict: true,
  strictRequired: false,
  ownProperties: true,
  logger: false,
});

/** Checks a body against the route's schema. Throws INVALID_REQUEST that names the field. */
export const validGenerateBody = checker<GenerateBody>(ajv.compile(generateSchema));
export const validCountTokensBody = checker<GenerateBody>(ajv.compile(countTokensSchema));
export const validEmbedBody = checker<EmbedBody>(ajv.compile(embedSchema));

function checker<T>(validate: ValidateFunction): (body: JsonObject) => T {
  return (body) => {
    if (validate(body)) return body as T;
    const [error] = validate.errors ?? [];
    throw error === undefined ? refusal('', 'is not valid') : invalid(error);
  };
}

function invalid({ keyword, instancePath, message, ...error }: ErrorObject): GatewayError {
  const at = pathOf(instancePath);
  const params: Readonly<Record<string, unknown>> = error.params;
  switch (keyword) {
    case 'additionalProperties': {
      const field = joined(at, String(params['additionalProperty']).slice(0, 100));
      return refusal(field, 'is not a known field');
    }
    case 'required': {
      const name = String(params['missingProperty']);
      if (at !== '' && error.schemaPath.includes('/oneOf/')) return refusal(at, EITHER_MEDIA);
      const choice = CHOICES[name];
      return choice !== undefined && at === ''
        ? refusal(name, choice)
        : refusal(joined(at, name), 'is missing');
    }
    case 'oneOf':
      return at === '' ? refusal('prompt', CHOICES['prompt'] ?? '') : refusal(at, EITHER_MEDIA);
    case 'enum':
      return refusal(at, `must be one of ${(params['allowedValues'] as string[]).join(', ')}`);
    case 'pattern':
      return refusal(
        at,
        params['pattern'] === SOME_TEXT ? 'must not be empty' : 'is not of the form it must have',
      );
    default:
      return refusal(at, message ?? 'is not valid');
  }
}

const EITHER_MEDIA = 'must have either data or uri';

/** Fields of which one or the other must be there: the first one missing stands for the choice. */
const CHOICES: Readonly<Record<string, string>> = {
  task: 'or model must be given',
  model: 'or task must be given',
  prompt: 'or contents must be given, and not both',
  contents: 'or prompt must be given, and not both',
};

function refusal(field: string, what: string): GatewayError {
  const name = field === '' ? 'The body' : `"${field}"`;
  return new GatewayError('INVALID_REQUEST', `${name} ${what}.`, field === '' ? {} : { metadata: { field } });
}

/** `/contents/0/parts` as `contents[0].parts`. */
function pathOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~').slice(0, 100))
    .reduce((path, step) => (/^\d+$/.test(step) ? `${path}[${step}]` : joined(path, step)), '');
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
