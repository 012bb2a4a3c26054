/**
 * A gRPC client against the gateway: the models, an answer, one piece by piece, and a failure with its details. All that a
 * client needs is proto/gemini_gateway/v1/gateway.proto. Reads GATEWAY_GRPC (for example localhost:50051) and GATEWAY_KEY.
 */
import { fileURLToPath } from 'node:url';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type Client,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const { GATEWAY_GRPC: address = 'localhost:50051', GATEWAY_KEY: key = '' } = process.env;

interface Question {
  readonly task: string;
  readonly prompt: string;
  readonly generation?: { readonly maxOutputTokens: number };
}
interface Answer {
  readonly model: string;
  readonly text: string;
  readonly usage: { readonly totalTokens: number };
}
type Piece = { readonly delta: { readonly text: string } | null; readonly done: Answer | null };
type Reply<T> = (error: ServiceError | null, answer?: T) => void;
interface GeminiGateway extends Client {
  listModels(request: object, metadata: Metadata, reply: Reply<{ models: { id: string }[] }>): void;
  generate(question: Question, metadata: Metadata, options: { deadline: number }, reply: Reply<Answer>): void;
  generateStream(request: { request: Question }, metadata: Metadata): ClientReadableStream<Piece>;
}

const includeDirs = [fileURLToPath(new URL('../proto', import.meta.url))];
const definition = loadSync('gemini_gateway/v1/gateway.proto', {
  includeDirs,
  defaults: true,
  enums: String,
});
const services = loadPackageDefinition(definition) as unknown as {
  gemini_gateway: {
    v1: { GeminiGateway: new (...to: ConstructorParameters<typeof Client>) => GeminiGateway };
  };
};
const gateway = new services.gemini_gateway.v1.GeminiGateway(address, credentials.createInsecure());
const metadata = new Metadata();
metadata.set('authorization', `Bearer ${key}`);

const { models } = await new Promise<{ models: { id: string }[] }>((resolve, reject) => {
  gateway.listModels({}, metadata, (error, answer) => (answer ? resolve(answer) : reject(error)));
});
console.log(`${models.length} models`);

// The task decides which model answers; the deadline bounds all that is done for the call.
const ask = (question: Question): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 20_000 };
    gateway.generate(question, metadata, options, (error, answer) =>
      answer ? resolve(answer) : reject(error),
    );
  });
const answer = await ask({ task: 'chat', prompt: 'Good morning' });
console.log(`${answer.model}: ${answer.text}`);

// Piece by piece, as fast as it is read here.
for await (const piece of gateway.generateStream(
  { request: { task: 'chat', prompt: 'Tell me of the heron' } },
  metadata,
)) {
  const { delta, done } = piece as Piece;
  if (delta) process.stdout.write(delta.text);
  if (done) console.log(`\n${done.usage.totalTokens} tokens`);
}

// What is refused has a code, a sentence, and the field at fault in the details of google.rpc.
try {
  await ask({ task: 'chat', prompt: 'Good morning', generation: { maxOutputTokens: 0 } });
} catch (thrown) {
  const { code, details } = thrown as ServiceError;
  console.log(`refused with ${code}: ${details}`);
}
gateway.close();
