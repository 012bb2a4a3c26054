import { createHash, randomBytes } from 'node:crypto';

import type { Clock } from '../core/clock.js';
import { ResourceStore } from './resource-store.js';

const LIFETIME_MS = 48 * 3_600_000;

/** Bounds and behaviour of the file store. */
export interface FileStoreOptions {
  /** Bytes of content kept over all files and uploads; what exceeds them is hashed and forgotten. */
  readonly maxKeptBytes?: number;
  readonly maxFiles?: number;
  /** How long a file stays PROCESSING before it is ACTIVE. */
  readonly processingMs?: number;
}

/** A file as the store knows it. */
export interface StoredFile {
  /** `files/{id}`. */
  readonly name: string;
  readonly displayName: string | undefined;
  readonly mimeType: string;
  readonly source: 'UPLOADED' | 'GENERATED';
  readonly sizeBytes: number;
  /** Base64 of the digest in hexadecimal, as the Files API writes it. */
  readonly sha256Hash: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly activeFromMs: number;
  /** Absent where the store had no room for it. */
  readonly content: Buffer | undefined;
}

/** What its creator says about a file. */
export type FileDetails = Pick<StoredFile, 'displayName' | 'mimeType' | 'source'> & {
  /** `files/{id}`; the store makes one up where it is undefined. */
  readonly name: string | undefined;
};

/** Files of the Files API, in bounded memory. They expire after 48 hours. */
export class FileStore {
  /** The files by name. */
  readonly files: ResourceStore<StoredFile>;
  private readonly maxKeptBytes: number;
  private readonly processingMs: number;
  private keptBytes = 0;

  constructor(
    private readonly clock: Clock,
    options: FileStoreOptions = {},
  ) {
    this.maxKeptBytes = options.maxKeptBytes ?? 64 * 1024 * 1024;
    this.processingMs = options.processingMs ?? 0;
    this.files = new ResourceStore({
      maxItems: options.maxFiles ?? 10_000,
      isGone: (file) => file.expiresMs <= clock.wallMs(),
      onDrop: (file) => this.release(file.content?.length ?? 0),
    });
  }

  /** Starts a file whose bytes come piece by piece. */
  draft(): FileDraft {
    return new FileDraft(
      (bytes) => this.claim(bytes),
      (bytes) => this.release(bytes),
    );
  }

  /** Makes a file of a draft; the draft is spent. */
  finish(draft: FileDraft, details: FileDetails): StoredFile {
    const now = this.clock.wallMs();
    const file: StoredFile = {
      ...details,
      name: details.name ?? `files/${randomBytes(6).toString('hex')}`,
      sizeBytes: draft.sizeBytes,
      sha256Hash: draft.digest(),
      createdMs: now,
      expiresMs: now + LIFETIME_MS,
      activeFromMs: now + this.processingMs,
      content: draft.content(),
    };
    this.files.add(file.name, file);
    return file;
  }

  /** PROCESSING until the configured time has passed. */
  state(file: StoredFile): 'PROCESSING' | 'ACTIVE' {
    return file.activeFromMs > this.clock.wallMs() ? 'PROCESSING' : 'ACTIVE';
  }

  private claim(bytes: number): boolean {
    if (this.keptBytes + bytes > this.maxKeptBytes) return false;
    this.keptBytes += bytes;
    return true;
  }

  private release(bytes: number): void {
    this.keptBytes -= bytes;
  }
}

/** Bytes on their way to become a file: always counted and hashed, kept while there is room. */
export class FileDraft {
  private readonly hash = createHash('sha256');
  private chunks: Buffer[] | undefined = [];
  private size = 0;

  constructor(
    private readonly claim: (bytes: number) => boolean,
    private readonly release: (bytes: number) => void,
  ) {}

  get sizeBytes(): number {
    return this.size;
  }

  append(chunk: Buffer): void {
    this.hash.update(chunk);
    if (this.chunks !== undefined && this.claim(chunk.length)) this.chunks.push(chunk);
    else this.discard();
    this.size += chunk.length;
  }

  /** Gives up the bytes kept so far. */
  discard(): void {
    if (this.chunks === undefined) return;
    this.release(this.size);
    this.chunks = undefined;
  }

  digest(): string {
    return Buffer.from(this.hash.digest('hex')).toString('base64');
  }

  content(): Buffer | undefined {
    return this.chunks === undefined ? undefined : Buffer.concat(this.chunks);
  }
}
