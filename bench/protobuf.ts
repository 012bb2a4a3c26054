/** A field of bytes or one that is a message, as protocol buffers are written. */
export function bytes(number: number, value: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
}

/** A field of text. */
export function text(number: number, value: string): Buffer {
  return bytes(number, Buffer.from(value));
}

function varint(value: number): Buffer {
  const written: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) written.push((left % 128) + 128);
  return Buffer.from([...written, left]);
}
