import type { ByteChunks } from './import-entry.js';

/** One object of an array, or what stands in its place. */
export type JsonElement =
  | {
      readonly kind: 'object';
      readonly member: string | null;
      readonly value: Readonly<Record<string, unknown>>;
    }
  /** Not an object; not JSON; longer than allowed; the file ends inside it or before its array does. */
  | { readonly kind: 'other' | 'damaged' | 'too-long' | 'truncated'; readonly member: string | null };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
/** Names of members are short; what is longer is not one that anybody asks for. */
const MAX_MEMBER_BYTES = 64;

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/**
 * The objects of a JSON file one at a time, so that a file of any size needs the memory of its largest object: those
 * in the array that is the file, or in the arrays that are members of the object that is the file. Everything else in
 * that object is passed over.
 */
export async function* readJsonObjects(
  chunks: ByteChunks,
  maxObjectBytes: number,
): AsyncGenerator<JsonElement> {
  const scanner = new JsonScanner(maxObjectBytes);
  for await (const chunk of chunks) {
    scanner.scan(chunk);
    yield* scanner.take();
  }
  scanner.end();
  yield* scanner.take();
}

class JsonScanner {
  private readonly found: JsonElement[] = [];
  private depth = 0;
  /** 1 when the file is an array, 2 when it is an object; 0 before its first byte. */
  private elementDepth = 0;
  private inArray = false;
  private inString = false;
  private escaped = false;
  private member: string | null = null;
  private name = '';
  private readingName = false;
  private afterColon = false;
  /** Where the present element begins in this chunk; -1 outside of one. */
  private start = -1;
  private held: Buffer[] = [];
  private heldBytes = 0;
  private tooLong = false;

  constructor(private readonly maxObjectBytes: number) {}

  take(): JsonElement[] {
    return this.found.splice(0);
  }

  end(): void {
    if (this.start !== -1 || this.depth > 0 || this.inString) this.push('truncated');
  }

  scan(chunk: Buffer): void {
    if (this.start !== -1) this.start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.inString) {
        at = this.scanString(chunk, at);
        continue;
      }
      const byte = chunk[at] as number;
      switch (byte) {
        case QUOTE:
          this.beginString(at);
          break;
        case OPEN_OBJECT:
        case OPEN_ARRAY:
          this.open(byte, at);
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          this.close(chunk, at);
          break;
        case COMMA:
          if (this.isElementLevel) this.endElement(chunk, at);
          else if (this.depth === 1) this.afterColon = false;
          break;
        case COLON:
          if (this.depth === 1 && this.elementDepth === 2) this.afterColon = true;
          break;
        default:
          if (!isSpace(byte)) this.beginElement(at);
      }
      at += 1;
    }
    if (this.start !== -1) this.hold(chunk.subarray(this.start));
  }

  private get isElementLevel(): boolean {
    return this.inArray && this.depth === this.elementDepth;
  }

  private scanString(chunk: Buffer, from: number): number {
    let at = from;
    if (this.escaped) {
      this.escaped = false;
      at += 1;
    }
    while (at < chunk.length) {
      const byte = chunk[at] as number;
      if (byte === BACKSLASH) {
        at += 2;
        if (at > chunk.length) this.escaped = true;
        continue;
      }
      if (byte === QUOTE) {
        this.inString = false;
        this.readingName = false;
        return at + 1;
      }
      if (this.readingName && this.name.length < MAX_MEMBER_BYTES) this.name += String.fromCharCode(byte);
      at += 1;
    }
    return chunk.length;
  }

  private beginString(at: number): void {
    this.inString = true;
    this.escaped = false;
    if (this.depth === 1 && this.elementDepth === 2 && !this.afterColon) {
      this.readingName = true;
      this.name = '';
    }
    this.beginElement(at);
  }

  private beginElement(at: number): void {
    if (this.isElementLevel && this.start === -1) {
      this.start = at;
      this.tooLong = false;
    }
  }

  private open(byte: number, at: number): void {
    this.beginElement(at);
    this.depth += 1;
    if (this.elementDepth === 0) {
      this.elementDepth = byte === OPEN_ARRAY ? 1 : 2;
      this.inArray = byte === OPEN_ARRAY;
    } else if (this.elementDepth === 2 && this.depth === 2 && !this.inArray) {
      this.inArray = byte === OPEN_ARRAY;
      this.member = this.name;
    }
  }

  private close(chunk: Buffer, at: number): void {
    if (this.isElementLevel) {
      this.endElement(chunk, at);
      this.inArray = false;
      if (this.elementDepth === 2) this.member = null;
    }
    if (this.depth > 0) this.depth -= 1;
  }

  private endElement(chunk: Buffer, end: number): void {
    if (this.start === -1) return;
    this.hold(chunk.subarray(this.start, end));
    this.start = -1;
    const bytes = this.held.length === 1 ? (this.held[0] as Buffer) : Buffer.concat(this.held);
    this.held = [];
    this.heldBytes = 0;
    if (this.tooLong) this.push('too-long');
    else this.parse(bytes.toString());
  }

  private hold(bytes: Buffer): void {
    this.heldBytes += bytes.length;
    if (this.heldBytes > this.maxObjectBytes) {
      this.tooLong = true;
      this.held = [];
    } else this.held.push(Buffer.from(bytes));
  }

  private parse(text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.push('damaged');
      return;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.push('other');
    else
      this.found.push({
        kind: 'object',
        member: this.member,
        value: value as Readonly<Record<string, unknown>>,
      });
  }

  private push(kind: Exclude<JsonElement['kind'], 'object'>): void {
    this.found.push({ kind, member: this.member });
  }
}
