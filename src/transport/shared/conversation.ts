import type { Content, Part } from '../../core/gemini-wire.js';
import type { GatewayError } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';
import type { ReturnedPart } from '../http/signature-custody.js';
import { invalid, unsupported } from './request-fields.js';

/** A part with, where it carries media, the request field that they came from. */
export interface Piece {
  readonly part: Part;
  readonly path?: string;
  /** Where the media are, where they do not come with the request. */
  readonly remote?: { readonly url: URL; readonly family: string };
}

/** A part whose media the gateway reads itself, before the call. */
export interface RemotePart {
  readonly part: Part;
  readonly url: URL;
  /** What its media type begins with. */
  readonly family: string;
  /** Request field that names it. */
  readonly path: string;
}

/** A function call as a caller gives it back. */
export interface GivenCall {
  readonly id: string;
  readonly name: string;
  readonly args: JsonObject;
  readonly signature?: string;
}

/** A function call that waits for its result. */
interface OpenCall {
  readonly id: string;
  readonly part: Part;
  readonly name: string;
  readonly path: string;
  readonly required: boolean;
  response?: JsonObject;
}

/** No URL is read here. */
export const readsNone = (): boolean => false;

/**
 * Builds the contents of a request, item by item in the order of the conversation. Results find the names of their
 * calls by id and stand in the order of the calls. Throws INVALID_REQUEST for results without a call, and calls
 * without a result.
 */
export class Conversation {
  readonly contents: Content[] = [];
  readonly system: Part[] = [];
  /** Parts of the model's that may have to carry a thought signature. */
  readonly returned: ReturnedPart[] = [];
  /** Request fields that media came from, by their place in the contents. */
  readonly origins = new Map<string, string>();
  /** Parts whose media are to be read before the call. */
  readonly remote: RemotePart[] = [];
  #model: Part[] | undefined;
  #step = new Map<string, OpenCall>();

  /** `reads` says which URLs the gateway reads itself; all others are Google's to read. */
  constructor(private readonly reads: (url: URL) => boolean) {}

  /** Something that the user says or shows. */
  user(pieces: readonly Piece[]): void {
    this.#closeTurn();
    const at = this.contents.length;
    const parts = pieces.map((piece, index) => {
      if (piece.path !== undefined) this.origins.set(`contents[${at}].parts[${index}]`, piece.path);
      return this.#taken(piece);
    });
    this.contents.push({ role: 'user', parts });
  }

  /** Something that the model said; `id` where its signature was kept under one. Goes on with an open turn of its. */
  model(part: Part, id?: string): void {
    this.#modelParts().push(part);
    if (id !== undefined) this.returned.push({ id, part, required: false });
  }

  /** A call that the model made; `path` is the request field of its id. */
  call({ id, name, args, signature }: GivenCall, path: string): void {
    const part: Part = {
      functionCall: { name, args },
      ...(signature === undefined ? {} : { thoughtSignature: signature }),
    };
    const parts = this.#modelParts();
    if (this.#step.has(id)) throw invalid(path, 'is the id of another call, too');
    parts.push(part);
    this.#step.set(id, { id, part, name, path, required: this.#step.size === 0 });
  }

  /** What a call of the step before resulted in, with media beside it. Gives the name of the function. */
  result(id: string, response: JsonObject, media: readonly Piece[], path: string): string {
    const call = this.#step.get(id);
    if (call === undefined) throw invalid(path, 'names no call of the message before it');
    if (call.response !== undefined) throw invalid(path, 'names a call that has a result already');
    call.response = {
      name: call.name,
      response,
      ...(media.length === 0 ? {} : { parts: media.map((piece) => this.#taken(piece)) }),
    };
    this.#model = undefined;
    return call.name;
  }

  /** Ends the turn of the model's: what it says next is another content. */
  endModelTurn(): void {
    this.#model = undefined;
  }

  /** Ends the conversation. */
  finish(): void {
    this.#closeTurn();
  }

  #taken({ part, path = '', remote }: Piece): Part {
    if (remote === undefined) return part;
    if (this.reads(remote.url)) this.remote.push({ part, path, ...remote });
    else if (part.fileData?.mimeType === undefined)
      throw unsupported(path, 'its ending does not tell what kind of file it is; send the data itself');
    return part;
  }

  #modelParts(): Part[] {
    if (this.#model !== undefined) return this.#model;
    this.#closeTurn();
    this.#model = [];
    this.contents.push({ role: 'model', parts: this.#model });
    return this.#model;
  }

  #closeTurn(): void {
    this.#model = undefined;
    if (this.#step.size === 0) return;
    const parts: Part[] = [];
    for (const { id, part, response, path, required } of this.#step.values()) {
      if (response === undefined) throw invalid(path, 'names a call that has no result');
      parts.push({ functionResponse: response });
      this.returned.push({ id, part, response, required });
    }
    this.contents.push({ role: 'user', parts });
    this.#step = new Map();
  }
}

/**
 * The same error with the request's own name for the field: the one that media came from, and `model`, which names
 * tasks as well. Any other error as it is.
 */
export function inCallersWords(error: GatewayError, origins?: ReadonlyMap<string, string>): GatewayError {
  const { field } = error.metadata;
  if (field === undefined || error.reason !== 'INVALID_REQUEST') return error;
  if (field === 'task') return error.withMetadata({ field: 'model' });
  const place = /contents\[\d+\]\.parts\[\d+\]/.exec(field)?.[0];
  const origin = place === undefined ? undefined : origins?.get(place);
  if (origin === undefined) return error;
  return invalid(origin, error.message.replace(`"${field}" `, '').replace(/\.$/, ''));
}
