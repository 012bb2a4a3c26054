import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Clock, Timer } from '../core/clock.js';
import { WORKER_READY, type SchemaJob, type SchemaReply } from './schema-job.js';

/** What the thread may take. */
export interface ThreadLimits {
  /** Longest time to start. */
  readonly startMs: number;
  /** Longest time for one job, from when the thread turns to it. */
  readonly jobMs: number;
  /** Longest time that a job waits for its turn. */
  readonly waitMs: number;
  /** Most jobs that wait. */
  readonly waiting: number;
  /** Most characters that wait with them. */
  readonly waitingChars: number;
  /** Most memory, in MB. */
  readonly heapMb: number;
}

export const THREAD_LIMITS: ThreadLimits = {
  startMs: 10_000,
  jobMs: 3_000,
  waitMs: 10_000,
  waiting: 256,
  waitingChars: 16_000_000,
  heapMb: 192,
};

/** Why there is no answer to a job. */
export type JobFailureKind = 'too-slow' | 'too-large' | 'busy' | 'closed' | 'broken';

/** A job that has no answer. */
export class JobFailure extends Error {
  override readonly name = 'JobFailure';

  constructor(
    readonly kind: JobFailureKind,
    cause?: unknown,
  ) {
    super(`The schema thread gave no answer: ${kind}.`, cause === undefined ? undefined : { cause });
  }
}

interface Waiting {
  readonly job: SchemaJob;
  readonly chars: number;
  readonly resolve: (reply: SchemaReply) => void;
  readonly reject: (failure: JobFailure) => void;
  readonly patience: Timer;
}

/**
 * A thread beside the event loop that does one job after another; answers to be checked go before schemas to be
 * compiled. Started by the first job, ended by a job that takes more time or memory than it may, and started anew
 * by the next. Keeps the process alive only while it has work.
 */
export class SchemaThread {
  readonly #lines: Record<SchemaJob['kind'], Waiting[]> = { validate: [], compile: [] };
  #waitingChars = 0;
  #worker: Worker | undefined;
  #ready = false;
  #current: Omit<Waiting, 'patience'> | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly limits: ThreadLimits = THREAD_LIMITS,
  ) {}

  /** Does a job. Rejects with a JobFailure and nothing else. */
  run(job: SchemaJob): Promise<SchemaReply> {
    return new Promise((resolve, reject) => {
      const chars = job.kind === 'compile' ? job.text.length : job.terms.text.length + job.document.length;
      const { validate, compile } = this.#lines;
      if (this.#closed) return reject(new JobFailure('closed'));
      if (
        validate.length + compile.length >= this.limits.waiting ||
        this.#waitingChars + chars > this.limits.waitingChars
      )
        return reject(new JobFailure('busy'));
      const waiting: Waiting = {
        job,
        chars,
        resolve,
        reject,
        patience: this.clock.after(this.limits.waitMs, () => this.#giveUp(waiting)),
      };
      this.#waitingChars += chars;
      this.#lines[job.kind].push(waiting);
      this.#turn();
    });
  }

  /** Ends the thread; what waits and what comes is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    const { validate, compile } = this.#lines;
    for (const waiting of [...validate, ...compile]) {
      waiting.patience.clear();
      waiting.reject(new JobFailure('closed'));
    }
    validate.length = 0;
    compile.length = 0;
    const worker = this.#worker;
    this.#end('closed');
    await worker?.terminate();
  }

  #turn(): void {
    if (this.#current !== undefined) return;
    if (this.#lines.validate.length + this.#lines.compile.length === 0) return this.#worker?.unref();
    if (this.#worker === undefined) return this.#start();
    if (!this.#ready) return undefined;
    const next = (this.#lines.validate.shift() ?? this.#lines.compile.shift()) as Waiting;
    next.patience.clear();
    this.#waitingChars -= next.chars;
    this.#current = next;
    this.#worker.ref();
    this.#timer = this.clock.after(this.limits.jobMs, () => this.#end('too-slow'));
    this.#worker.postMessage(next.job, []);
  }

  #start(): void {
    const worker = new Worker(WORKER_FILE, this.#options());
    this.#worker = worker;
    this.#timer = this.clock.after(this.limits.startMs, () => this.#failWaiting());
    const mine = (): boolean => this.#worker === worker;
    worker.on('message', (message: typeof WORKER_READY | SchemaReply) => {
      if (mine()) this.#hear(message);
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (!mine()) return;
      if (!this.#ready) return this.#failWaiting(error);
      this.#end(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'too-large' : 'broken', error);
    });
    worker.on('exit', () => {
      if (!mine()) return;
      if (!this.#ready) return this.#failWaiting();
      this.#end('broken');
    });
  }

  #options(): WorkerOptions {
    return {
      name: 'schemas',
      resourceLimits: { maxOldGenerationSizeMb: this.limits.heapMb, maxYoungGenerationSizeMb: 16 },
      // Flags of the process, such as the place of a module loader, are not for this thread.
      execArgv: WRITTEN ? ['--experimental-transform-types', '--no-warnings'] : [],
      env: {},
    };
  }

  #hear(message: typeof WORKER_READY | SchemaReply): void {
    this.#timer?.clear();
    if (message === WORKER_READY) this.#ready = true;
    else {
      const done = this.#current;
      this.#current = undefined;
      done?.resolve(message);
    }
    this.#turn();
  }

  /** Ends the thread and the job that it does. */
  #end(kind: JobFailureKind, cause?: unknown): void {
    this.#timer?.clear();
    const worker = this.#worker;
    const failed = this.#current;
    this.#worker = undefined;
    this.#ready = false;
    this.#current = undefined;
    void worker?.terminate();
    failed?.reject(new JobFailure(kind, cause));
    if (!this.#closed) this.#turn();
  }

  /** A thread that does not start would be started for ever. */
  #failWaiting(cause?: unknown): void {
    for (const line of Object.values(this.#lines))
      for (const waiting of line.splice(0)) {
        waiting.patience.clear();
        waiting.reject(new JobFailure('broken', cause));
      }
    this.#waitingChars = 0;
    this.#end('broken');
  }

  #giveUp(waiting: Waiting): void {
    const line = this.#lines[waiting.job.kind];
    line.splice(line.indexOf(waiting), 1);
    this.#waitingChars -= waiting.chars;
    waiting.reject(new JobFailure('busy'));
  }
}

/** Whether this runs from its source: the thread then does so as well. */
const WRITTEN = import.meta.url.endsWith('.ts');
const COMPILED_FILE = new URL('./schema.worker.js', import.meta.url);
const WORKER_FILE = WRITTEN ? new URL(COMPILED_FILE.href.replace(/\.js$/, '.ts')) : COMPILED_FILE;
