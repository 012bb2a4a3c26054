/** One part of a multipart body. */
export interface MultipartPart {
  readonly contentType: string | undefined;
  readonly content: Buffer;
}

const HEADER_END = '\r\n\r\n';

/** The parts of a `multipart/related` body (RFC 2387); undefined when the type or the body is not one. */
export function parseMultipartRelated(contentType: string, body: Buffer): MultipartPart[] | undefined {
  const match = /^multipart\/related;.*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return undefined;
  // With a line break before it, the first delimiter is found as the others are.
  const text = Buffer.concat([Buffer.from('\r\n'), body]);
  const delimiter = `\r\n--${boundary}`;
  const parts: MultipartPart[] = [];
  let at = text.indexOf(delimiter);
  while (at >= 0) {
    const start = at + delimiter.length;
    if (text.toString('latin1', start, start + 2) === '--') return parts;
    const end = text.indexOf(delimiter, start);
    const headerEnd = text.indexOf(HEADER_END, start);
    if (end < 0 || headerEnd < 0 || headerEnd > end) return undefined;
    parts.push({
      contentType: /^content-type: *(\S+)/im.exec(text.toString('latin1', start, headerEnd))?.[1],
      content: text.subarray(headerEnd + HEADER_END.length, end),
    });
    at = end;
  }
  return undefined;
}
