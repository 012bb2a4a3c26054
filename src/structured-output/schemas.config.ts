import { IsObject } from 'class-validator';
import { Doc, MapOf } from '../config/field.decorator.js';
import type { ConfigProblem, ConfigSnapshot } from '../core/config-snapshot.js';
import { GatewayError } from '../core/gateway-error.js';
import type { JsonValue } from '../core/json.js';
import { schemaText } from './bounded-schema.js';
import { soundSchema } from './sound-schema.js';

/** The versions of one named schema. */
export class NamedSchemaConfig {
  @Doc(
    'JSON Schemas by version, of draft 2020-12, or of draft 7 where `$schema` says so. The last version is the one whose name sorts last, numbers by value.',
  )
  @IsObject()
  versions: Record<string, JsonValue> = {};
}

/** Schemas that calls name instead of bringing them. */
export class SchemasConfig {
  static readonly section = 'schemas';
  static readonly topLevel = true;
  static check(snapshot: ConfigSnapshot): readonly ConfigProblem[] {
    return Object.entries(snapshot.get(SchemasConfig).schemas).flatMap(([name, { versions }]) =>
      problemsOf(`schemas.${name}.versions`, versions),
    );
  }

  @Doc('Schemas by name, for calls that name theirs.')
  @MapOf(() => NamedSchemaConfig)
  schemas: Record<string, NamedSchemaConfig> = {};
}

const VERSION = /^[\w.-]{1,64}$/;

function problemsOf(path: string, versions: Readonly<Record<string, JsonValue>>): ConfigProblem[] {
  const given = Object.entries(versions).filter(([, schema]) => schema !== null);
  if (given.length === 0) return [{ path, message: 'must have a version' }];
  return given.flatMap(([version, schema]) => {
    const at = `${path}.${version}`;
    if (!VERSION.test(version)) return [{ path: at, message: 'is no name of a version' }];
    const message = problemOf(schema);
    return message === undefined ? [] : [{ path: at, message }];
  });
}

/** What is wrong with a schema, or undefined. Compiles in place: the operator's schemas are few, and meant well. */
function problemOf(schema: JsonValue): string | undefined {
  try {
    soundSchema(schemaText(schema));
    return undefined;
  } catch (thrown) {
    return GatewayError.from(thrown).message;
  }
}
