/** A JSON document as parsed. Fields that the gateway does not know stay in it untouched. */
export type JsonValue = string | number | boolean | null | JsonObject | JsonValue[];

/** A JSON object whose unknown fields are kept. */
export interface JsonObject {
  [field: string]: JsonValue | undefined;
}

/** True for a JSON object; arrays and null are none. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
