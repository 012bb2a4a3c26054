/** What the OpenAPI document says of a route. */
export interface RouteDocs {
  readonly summary: string;
  /** JSON Schema of the body. */
  readonly body?: object;
  /** Media types of the answer; JSON alone unless given. */
  readonly produces?: readonly string[];
}

const documented = new WeakMap<object, RouteDocs>();

/**
 * Puts a route into the OpenAPI document; routes without it are not in there. The library that writes the document has
 * decorators of its own, which would load it at every start for a page that is seldom asked for.
 */
export function Documented(docs: RouteDocs): MethodDecorator {
  return (_prototype, _name, descriptor) => {
    documented.set(descriptor.value as object, docs);
  };
}

/** What was said of a route's method; undefined for one that is not in the document. */
export function docsOf(method: object): RouteDocs | undefined {
  return documented.get(method);
}
