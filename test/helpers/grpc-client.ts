import {
  create,
  createRegistry,
  fromBinary,
  toBinary,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  Client,
  credentials,
  Metadata,
  type ChannelCredentials,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type StatusObject,
} from '@grpc/grpc-js';
import { UsageSchema } from '../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '../../src/transport/grpc/gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/transport/grpc/gen/google/rpc/status_pb.js';
import { TEST_KEY } from './gateway.js';

/** What may differ in a call. */
export interface GrpcCallOptions {
  /** Beside the test key; `authorization: ''` leaves the key out. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** How a call ended, as a client sees it. */
export interface GrpcOutcome {
  readonly code: number;
  readonly message: string;
  /** Initial metadata, or that of a status without messages before it. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** The details of a failure, by their type's last name. */
  readonly details: Readonly<Record<string, Message>>;
  /** The google.rpc.Status of a failure. */
  readonly status: MessageShape<typeof StatusSchema> | undefined;
}

/** A stream under way. */
export interface GrpcStream<T> extends AsyncIterable<T> {
  readonly call: ClientReadableStream<T>;
  readonly received: readonly T[];
  readonly outcome: Promise<GrpcOutcome>;
}

const registry = createRegistry(
  ErrorInfoSchema,
  RetryInfoSchema,
  QuotaFailureSchema,
  BadRequestSchema,
  UsageSchema,
);

/** A real client over a real connection, with messages as generated. */
export class GrpcTestClient {
  readonly client: Client;

  constructor(
    address: string,
    channel: ChannelCredentials = credentials.createInsecure(),
    options: ClientOptions = {},
  ) {
    this.client = new Client(address, channel, { 'grpc.enable_retries': 0, ...options });
  }

  close(): void {
    this.client.close();
  }

  /** Calls a method to its end. `onCall` gets the call, to be able to cancel it. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: GrpcCallOptions = {},
    onCall: (call: ClientUnaryCall) => void = () => undefined,
  ): Promise<GrpcOutcome & { readonly answer: MessageShape<O> | undefined }> {
    return new Promise((resolve) => {
      let answer: MessageShape<O> | undefined;
      let initial: Metadata | undefined;
      const call = this.client.makeUnaryRequest(
        pathOf(method),
        (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes),
        create(method.input, request),
        metadataOf(options),
        deadlineOf(options),
        (_error, message) => (answer = message),
      );
      call.on('metadata', (metadata) => (initial = metadata));
      call.on('status', (status) => resolve({ ...outcomeOf(status, initial), answer }));
      onCall(call);
    });
  }

  /** Calls a streaming method. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: GrpcCallOptions = {},
  ): GrpcStream<MessageShape<O>> {
    const call = this.client.makeServerStreamRequest(
      pathOf(method),
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes) => fromBinary(method.output, bytes),
      create(method.input, request),
      metadataOf(options),
      deadlineOf(options),
    );
    const received: MessageShape<O>[] = [];
    let initial: Metadata | undefined;
    call.on('metadata', (metadata) => (initial = metadata));
    // The status tells the same.
    call.on('error', () => undefined);
    const outcome = new Promise<GrpcOutcome>((resolve) => {
      call.on('status', (status) => resolve(outcomeOf(status, initial)));
    });
    return {
      call,
      received,
      outcome,
      async *[Symbol.asyncIterator]() {
        for await (const message of call) {
          received.push(message as MessageShape<O>);
          yield message as MessageShape<O>;
        }
      },
    };
  }

  /** All messages of a stream, and how it ended. */
  async streamed<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: GrpcCallOptions = {},
  ): Promise<GrpcOutcome & { readonly messages: readonly MessageShape<O>[] }> {
    const stream = this.stream(method, request, options);
    const messages: MessageShape<O>[] = [];
    stream.call.on('data', (message: MessageShape<O>) => messages.push(message));
    return { ...(await stream.outcome), messages };
  }
}

/** Path by which a method is called. */
export function pathOf({ parent, name }: DescMethodUnary | DescMethodServerStreaming): string {
  return `/${parent.typeName}/${name}`;
}

function metadataOf({ metadata }: GrpcCallOptions): Metadata {
  const all = new Metadata();
  for (const [name, value] of Object.entries({ authorization: `Bearer ${TEST_KEY}`, ...metadata })) {
    if (value !== '') all.set(name, value);
  }
  return all;
}

function deadlineOf({ timeoutMs }: GrpcCallOptions): { deadline?: number } {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function outcomeOf({ code, details, metadata }: StatusObject, initial: Metadata | undefined): GrpcOutcome {
  const [binary] = metadata.get('grpc-status-details-bin');
  const status = binary instanceof Buffer ? fromBinary(StatusSchema, binary) : undefined;
  const messages = (status?.details ?? []).map((any) => anyUnpack(any, registry));
  return {
    code,
    message: details,
    headers: { ...metadata.getMap(), ...initial?.getMap() },
    status,
    details: Object.fromEntries(
      messages.flatMap((one) => (one === undefined ? [] : [[one.$typeName.split('.').at(-1) ?? '', one]])),
    ),
  };
}
