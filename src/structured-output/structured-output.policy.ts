import { Inject, Injectable } from '@nestjs/common';
import type { Call, Surface } from '../core/call.js';
import { Clock } from '../core/clock.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { Next, Policy } from '../core/policy.js';
import { RoutingConfig } from '../routing/routing.config.js';
import { StructuredConfig } from '../routing/structured.config.js';
import { AskedSchema } from './asked-schema.js';
import { NamedSchemas } from './named-schemas.js';
import { jsonSchemaOf } from './openapi-schema.js';
import { SchemaCompiler } from './schema-compiler.js';
import { StructuredCall } from './structured-call.js';

/** Where each surface has the schema. */
const SCHEMA_FIELD = {
  rest: 'schema',
  grpc: 'schema',
  gemini: 'generationConfig.responseJsonSchema',
  openai: 'response_format',
  anthropic: 'output_config.format.schema',
} as const satisfies Record<Surface, string>;

const JSON_TYPE = 'application/json';
const DEFAULT_TERMS = new StructuredConfig();

/**
 * Holds answers to the schemas of their calls: told to the upstream as far as it understands, enforced by the gateway
 * beyond that. An answer that does not follow its schema is repaired, then asked for once more (`next` is called
 * again), then treated as the task says; SCHEMA_MISMATCH unless it says otherwise. A stream is checked while it
 * passes, and never asked for again once its first event was handed out. Calls without a schema pass untouched.
 */
@Injectable()
export class StructuredOutputPolicy implements Policy {
  readonly name = 'structured-output';

  constructor(
    private readonly compiler: SchemaCompiler,
    private readonly named: NamedSchemas,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  apply(call: Call, next: Next): Promise<Generation> {
    const config = call.request['generationConfig'];
    if (call.operation !== 'generate' || (call.schema === undefined && !bringsSchema(config)))
      return next(call);
    return this.#held(call, isJsonObject(config) ? config : {}, next);
  }

  async #held(call: Call, config: JsonObject, next: Next): Promise<Generation> {
    const asked = await this.#asked(call, config);
    return new StructuredCall(call, next, asked, termsOf(call), this.clock).run();
  }

  async #asked(call: Call, config: JsonObject): Promise<AskedSchema> {
    const { responseJsonSchema, responseSchema } = config;
    if (call.schema !== undefined) return this.#byName(call, config);
    try {
      if (isGiven(responseJsonSchema))
        return AskedSchema.of(
          await this.compiler.compile(responseJsonSchema as JsonObject),
          'jsonSchema',
          call.surface === 'gemini',
        );
      return AskedSchema.of(await this.compiler.compile(jsonSchemaOf(responseSchema)), 'openApiSchema', true);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      throw error.metadata.field === 'schema'
        ? error.withMetadata({ field: SCHEMA_FIELD[call.surface] })
        : error;
    }
  }

  async #byName({ schema, config: snapshot }: Call, config: JsonObject): Promise<AskedSchema> {
    const { name, version } = schema ?? { name: '' };
    if (bringsSchema(config)) throw refusal('schemaName', 'must not stand beside a schema');
    const found = this.named.find(name, version, snapshot);
    if (found !== undefined) return AskedSchema.of(await this.compiler.compile(found.schema), 'name', false);
    if (version !== undefined && this.named.find(name, undefined, snapshot) !== undefined)
      throw refusal('schemaVersion', `names no version of the schema "${name.slice(0, 100)}"`);
    throw refusal('schemaName', `names no schema: there is no "${name.slice(0, 100)}"`);
  }
}

/** Whether the answer is to be JSON of a schema; `text/x.enum` has a schema too, and gives a bare word. */
function bringsSchema(config: JsonValue | undefined): boolean {
  if (!isJsonObject(config)) return false;
  const { responseJsonSchema, responseSchema, responseMimeType = JSON_TYPE } = config;
  return (isGiven(responseJsonSchema) || isGiven(responseSchema)) && responseMimeType === JSON_TYPE;
}

function isGiven(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}

function termsOf({ task, config }: Call): StructuredConfig {
  const { tasks } = config.get(RoutingConfig);
  return (
    (task !== undefined && Object.hasOwn(tasks, task) ? tasks[task]?.structured : undefined) ?? DEFAULT_TERMS
  );
}

function refusal(field: string, what: string): GatewayError {
  return new GatewayError('INVALID_REQUEST', `"${field}" ${what}.`, { metadata: { field } });
}
