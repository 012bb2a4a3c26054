import { Inject, Injectable } from '@nestjs/common';
import { ConfigStore } from '../config/config-store.js';
import type { ConfigSnapshot } from '../core/config-snapshot.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { SchemasConfig } from './schemas.config.js';

/** A schema of the configuration. */
export interface NamedSchema {
  readonly name: string;
  readonly version: string;
  readonly schema: JsonObject;
}

/** The schemas that the configuration names. */
@Injectable()
export class NamedSchemas {
  constructor(@Inject(ConfigStore) private readonly store: ConfigStore) {}

  /**
   * A version of a named schema, the last one where none is named; undefined where there is no such schema.
   *
   * @param snapshot the configuration that the call started under; the one in effect unless given.
   */
  find(
    name: string,
    version?: string,
    snapshot: ConfigSnapshot = this.store.current(),
  ): NamedSchema | undefined {
    const { schemas } = snapshot.get(SchemasConfig);
    if (!Object.hasOwn(schemas, name)) return undefined;
    const versions = schemas[name]!.versions;
    const wanted = version ?? lastOf(Object.keys(versions).filter((known) => versions[known] !== null));
    if (wanted === undefined || !Object.hasOwn(versions, wanted)) return undefined;
    const schema = versions[wanted];
    return isJsonObject(schema) ? { name, version: wanted, schema } : undefined;
  }
}

const byVersion = new Intl.Collator('en', { numeric: true });

function lastOf(versions: readonly string[]): string | undefined {
  return versions.toSorted((one, other) => byVersion.compare(one, other)).at(-1);
}
