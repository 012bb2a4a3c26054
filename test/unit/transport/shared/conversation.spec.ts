import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import { inCallersWords } from '../../../../src/transport/shared/conversation.js';

describe('inCallersWords', () => {
  const origins = new Map([['contents[1].parts[2]', 'messages[3].content[2].image_url.url']]);
  const about = (field: string) =>
    new GatewayError('INVALID_REQUEST', `"${field}" is not valid base64.`, { metadata: { field } });

  it('names the field that media came from', () => {
    expect(inCallersWords(about('contents[1].parts[2].inlineData.data'), origins)).toMatchObject({
      reason: 'INVALID_REQUEST',
      message: '"messages[3].content[2].image_url.url" is not valid base64.',
      metadata: { field: 'messages[3].content[2].image_url.url' },
    });
  });

  it('calls a task by the field that names it', () => {
    expect(inCallersWords(about('task'))).toMatchObject({ metadata: { field: 'model' } });
  });

  it('leaves every other error as it is', () => {
    for (const error of [
      about('contents[1].parts[20].inlineData.data'),
      about('model'),
      new GatewayError('INVALID_REQUEST', 'No.'),
      new GatewayError('NO_TARGET', 'No.', { metadata: { field: 'contents[1].parts[2]' } }),
    ])
      expect(inCallersWords(error, origins)).toBe(error);
  });
});
