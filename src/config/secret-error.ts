/** A secret that cannot be read. Names the reference and never the value. */
export class SecretError extends Error {
  override readonly name = 'SecretError';

  constructor(
    readonly reference: string,
    why: string,
    options?: ErrorOptions,
  ) {
    super(`The secret ${reference} cannot be read: ${why}.`, options);
  }
}
