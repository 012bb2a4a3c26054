/** What a JSON value is, as its first character tells. */
export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** Where a text is no JSON, or more than is read. */
export interface ScanFault {
  readonly message: string;
  readonly keyword: 'syntax' | 'depth';
}

/**
 * Hears of a document as it is read. A method that returns true stops the scanner for good: whoever listens has heard
 * enough.
 */
export interface ScanListener {
  /** A value begins; of a string its text follows, of a container its members, and then `end`. */
  begin(kind: JsonKind): boolean;
  /** More of the string that began, decoded. Called while `wantsText` is true. */
  text(piece: string): boolean;
  readonly wantsText: boolean;
  /** Name of the member whose value comes next; undefined where it is longer than is read. */
  member(name: string | undefined): boolean;
  /** A number, true, false or null is over. `undefined` for a number too long to be read. */
  scalar(value: number | boolean | null | undefined): boolean;
  /** The value that began last and is not over is over. */
  end(): boolean;
  /** What is no JSON and can be mended: a comma before a closing bracket, or a control character in a string. */
  slip(kind: 'comma' | 'control', offset: number): void;
}

/** How a text that breaks off is brought to an end. */
export interface Tail {
  /** What comes after it is dropped. */
  readonly keep: number;
  /** What is to follow. */
  readonly closing: string;
}
