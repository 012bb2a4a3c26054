import { ValidateBy, type ValidationOptions } from 'class-validator';

/** Where a secret is kept. */
export type SecretRef =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'gcp-secret'; readonly version: string };

/** Name of the rule that `@IsSecretRef` adds to a field. */
export const SECRET_REF_RULE = 'isSecretRef';

const FORMS = '"env:NAME", "file:/path" or "gcp-secret:projects/p/secrets/s/versions/latest"';

/** The reference that the text is, or undefined. A secret itself is none. */
export function parseSecretRef(text: string): SecretRef | undefined {
  const name = /^env:([A-Za-z_]\w*)$/.exec(text)?.[1];
  if (name !== undefined) return { kind: 'env', name };
  const path = /^file:(\/[^\0]+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: 'file', path };
  const version =
    /^gcp-secret:(projects\/[^/\s]+(?:\/locations\/[^/\s]+)?\/secrets\/[\w-]+\/versions\/[\w-]+)$/;
  const resource = version.exec(text)?.[1];
  return resource === undefined ? undefined : { kind: 'gcp-secret', version: resource };
}

/** The field is a reference to a secret, never the secret. The message about a wrong value does not show it. */
export function IsSecretRef(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: SECRET_REF_RULE,
      validator: {
        validate: (value) => typeof value === 'string' && parseSecretRef(value) !== undefined,
        defaultMessage: () => `must be a reference to a secret (${FORMS}), not the secret itself`,
      },
    },
    options,
  );
}
