import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, type ClientDuplexStream, type MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';

interface Answer {
  readonly messageResponse: string;
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
}

type Ask = (request: object) => Promise<Answer>;

const protos = join(
  dirname(fileURLToPath(import.meta.resolve('@grpc/reflection'))),
  '../proto/grpc/reflection',
);

/** A client as the version's own proto file makes one. */
function reflectionClient(
  under: GatewayUnderTest,
  version: string,
): { readonly ask: Ask; readonly close: () => void } {
  const definition = loadSync(join(protos, version, 'reflection.proto'), { oneofs: true });
  const service = definition[`grpc.reflection.${version}.ServerReflection`] as unknown as {
    readonly ServerReflectionInfo: MethodDefinition<object, Answer>;
  };
  const { path, requestSerialize, responseDeserialize } = service.ServerReflectionInfo;
  const client = new Client(under.grpcAddress, credentials.createInsecure());
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const call: ClientDuplexStream<object, Answer> = client.makeBidiStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
        );
        call.on('data', (answer: Answer) => {
          resolve(answer);
          call.end();
        });
        call.on('error', reject);
        call.write(request);
      }),
    close: () => client.close(),
  };
}

describe('reflection', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({ environment: { GATEWAY__GRPC__REFLECTION: 'true' } });
  });
  afterAll(() => under.close());

  it.each(['v1', 'v1alpha'])('%s lists the services', async (version) => {
    const { ask, close } = reflectionClient(under, version);
    const { listServicesResponse } = await ask({ listServices: '' });
    close();
    expect(listServicesResponse?.service.map(({ name }) => name).toSorted()).toEqual([
      GeminiGateway.typeName,
      'grpc.health.v1.Health',
    ]);
  });

  it.each(['v1', 'v1alpha'])('%s tells the contract, with all that it needs', async (version) => {
    const { ask, close } = reflectionClient(under, version);
    const { fileDescriptorResponse } = await ask({ fileContainingSymbol: GeminiGateway.typeName });
    close();
    const file = (fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    // What a file needs comes behind it.
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }));
    const told = registry.getService(GeminiGateway.typeName);
    expect(told?.methods.map(({ name, methodKind }) => [name, methodKind])).toEqual(
      GeminiGateway.methods.map(({ name, methodKind }) => [name, methodKind]),
    );
    const config = registry.getMessage('gemini_gateway.v1.GenerationConfig');
    expect(config?.fields.map(({ name, number, presence }) => [name, number, presence])).toEqual(
      GeminiGateway.method.generate.input.field.generation.message?.fields.map(
        ({ name, number, presence }) => [name, number, presence],
      ),
    );
  });
});

it('reflection is not served unless it is asked for', async () => {
  const under = await gatewayUnderTest();
  const { ask, close } = reflectionClient(under, 'v1');
  await expect(ask({ listServices: '' })).rejects.toThrow('UNIMPLEMENTED');
  close();
  await under.close();
});
