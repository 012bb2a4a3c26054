/** A secret that may be exchanged while the process runs. */
export interface Credential {
  /** Names the credential in logs and metrics; never the secret. */
  readonly id: string;
  /** The secret as of now. */
  current(): string;
}
