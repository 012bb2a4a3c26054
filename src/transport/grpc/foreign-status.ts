import { status } from '@grpc/grpc-js';
import { GatewayError } from '../../core/gateway-error.js';
import { GrpcError } from './grpc.errors.js';

/** A status that the gRPC library ends a call with by itself, as a failure in words for the caller. */
export function failureOfLibrary(code: status, details: string, maxMessageBytes: number): GatewayError {
  const failure = FAILURES[code];
  return failure === undefined
    ? new GatewayError('INTERNAL', 'The gateway failed to handle this call.')
    : failure(details, maxMessageBytes);
}

type Failure = (details: string, maxMessageBytes: number) => GatewayError;

const FAILURES: Readonly<Partial<Record<status, Failure>>> = {
  [status.DEADLINE_EXCEEDED]: () =>
    new GatewayError('DEADLINE_EXCEEDED', 'The deadline of the call has passed.'),
  [status.RESOURCE_EXHAUSTED]: (_details, maxMessageBytes) =>
    new GatewayError(
      'REQUEST_TOO_LARGE',
      `The message is larger than this gateway takes: ${maxMessageBytes} bytes.`,
    ),
  [status.UNIMPLEMENTED]: (details) =>
    details.includes('compressed')
      ? new GrpcError(
          'UNIMPLEMENTED',
          'INVALID_REQUEST',
          'The message is compressed in a way that is not known here.',
        )
      : new GrpcError('UNIMPLEMENTED', 'INVALID_REQUEST', 'The call must have exactly one request message.'),
  [status.INTERNAL]: (details) =>
    /decompress|grpc-timeout/.test(details)
      ? new GatewayError(
          'INVALID_REQUEST',
          'The call is no valid gRPC: its timeout or its compression is broken.',
        )
      : // A message that could not be written: there is nobody left to read it.
        new GatewayError('CANCELLED', 'The caller went away.'),
};
