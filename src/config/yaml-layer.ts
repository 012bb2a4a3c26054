import { isMap, isScalar, isSeq, LineCounter, parse, parseDocument, type Node } from 'yaml';
import type { Report } from './bind-section.js';
import { childPath } from './config-path.js';
import { emptyMap, isRawMap, type ConfigLayer } from './config-tree.js';

/** Largest configuration file that is read, in bytes. */
const MAX_FILE_BYTES = 1_048_576;

/** Nodes that the aliases of one file may stand for. */
const MAX_ALIASES = 100;

/** Faults of one file's syntax that are reported. */
const MAX_FAULTS = 5;

const TOO_DEEP = 'the file nests too deeply';

/**
 * Reads the text of a YAML 1.2 file whose top is a mapping. Duplicate keys, unknown tags, alias bombs and files
 * over 1 MiB are reported, and then there is no layer. `source` names the file in problems and origins.
 */
export function parseYamlLayer(text: string, source: string, report: Report): ConfigLayer | undefined {
  const refuse = (message: string, place = source): undefined => {
    report({ path: '', message, source: place });
  };
  if (Buffer.byteLength(text) > MAX_FILE_BYTES)
    return refuse(`the file is larger than ${MAX_FILE_BYTES} bytes`);
  const lines = new LineCounter();
  const at = (offset: number): string => `${source}:${lines.linePos(offset).line}`;
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    const faults = [...document.errors, ...document.warnings];
    if (faults.some((fault) => fault.code === 'RESOURCE_EXHAUSTION')) return refuse(TOO_DEEP);
    // One slip makes the parser stumble on; what it says after the first few helps nobody.
    for (const fault of faults.slice(0, MAX_FAULTS)) refuse(fault.message, at(fault.pos[0]));
    if (faults.length > 0) return undefined;
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? emptyMap();
    if (!isRawMap(value)) return refuse('the file must be a mapping of sections');
    const origins = new Map<string, string>();
    locate(document.contents, '', origins, at);
    return { value, origins };
  } catch (thrown) {
    // The parser recurses: what nests too deeply ends its stack; too many aliases are a ReferenceError.
    if (thrown instanceof RangeError) return refuse(TOO_DEEP);
    if (thrown instanceof ReferenceError) return refuse('the file has too many aliases');
    throw thrown;
  }
}

/** One value as an environment variable carries it; text that is no YAML is taken as it is. */
export function parseYamlScalar(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'silent' });
  return document.errors.length > 0 ? text : parse(text, { maxAliasCount: 0 });
}

function locate(
  node: unknown,
  path: string,
  origins: Map<string, string>,
  at: (offset: number) => string,
): void {
  if (isMap(node))
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      const entry = childPath(path, String(key.value));
      if (key.range) origins.set(entry, at(key.range[0]));
      locate(value, entry, origins, at);
    }
  if (isSeq(node))
    for (const [index, item] of node.items.entries()) {
      const entry = childPath(path, index);
      const range = (item as Node).range;
      if (range) origins.set(entry, at(range[0]));
      locate(item, entry, origins, at);
    }
}
