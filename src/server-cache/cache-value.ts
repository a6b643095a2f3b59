import { types } from 'node:util';
import { cutLoose, roundUp, stringBytes } from './cache-strings.js';
import { MAX_NAME_LENGTH, type FieldNames } from './field-names.js';

/**
 * Why a value is not kept:
 * - `undefined`: nothing to keep (a miss is `undefined`; `null` is a value).
 * - `binary`: a Buffer, typed array or ArrayBuffer, anywhere inside. Bytes belong to the buffer cache.
 * - `not-json`: a function, symbol, bigint, hole, or an object that is more than plain data (Date, Map, Error).
 * - `too-deep`: nested over 32 levels, which is how a circle ends.
 * - `too-large`: over the limit of one entry.
 * - `over-cap`: larger than the whole cache may be now.
 * - `bad-key`: no text, or longer than 1024 characters.
 */
export type RefusalReason =
  'undefined' | 'binary' | 'not-json' | 'too-deep' | 'too-large' | 'over-cap' | 'bad-key';

/** A private, deeply frozen copy and its weight. */
export interface KeptValue {
  readonly value: unknown;
  readonly bytes: number;
}

const MAX_DEPTH = 32;

/*
 * Sizes of V8's heap objects without pointer compression, which Node does not use (v8/src/objects, 64-bit): a tagged
 * field has 8 bytes. Compared with the real heap in the spec beside.
 */
const FIELD_BYTES = 8;
const HEAP_NUMBER_BYTES = 16;
/** Map, properties, elements, and the four fields that an empty literal comes with. */
const OBJECT_BYTES = 24 + 4 * FIELD_BYTES;
const IN_OBJECT_FIELDS = 4;
/** Fields beyond those are added by threes to an array of their own. */
const FIELD_STEP = 3;
const ARRAY_BYTES = 32 + 16;
/** Ends the walk; carries the reason. */
class Refusal extends Error {
  constructor(readonly reason: RefusalReason) {
    super(reason);
  }
}

/**
 * Copies plain data and weighs it on the way, stopping at `maxBytes`: the whole of a large value is never walked.
 * Fields that are `undefined` are left out. `names` remembers field names: V8 keeps each once for all values.
 */
export function keepValue(value: unknown, maxBytes: number, names: FieldNames): KeptValue | RefusalReason {
  if (value === undefined) return 'undefined';
  const walk = new Walk(maxBytes, names);
  try {
    return { value: walk.copy(value, 0), bytes: walk.bytes };
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    throw error;
  }
}

class Walk {
  bytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly names: FieldNames,
  ) {}

  copy(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        this.addString(value);
        return cutLoose(value);
      case 'number':
        this.add(isSmallInteger(value) ? 0 : HEAP_NUMBER_BYTES);
        return value;
      case 'boolean':
        return value;
      case 'object':
        return value === null ? null : this.copyObject(value, depth + 1);
      default:
        throw new Refusal('not-json');
    }
  }

  private copyObject(value: object, depth: number): unknown {
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) throw new Refusal('binary');
    if (depth > MAX_DEPTH) throw new Refusal('too-deep');
    if (Array.isArray(value)) return this.copyArray(value, depth);
    if (!isPlain(value)) throw new Refusal('not-json');
    const copy: Record<string, unknown> = {};
    let fields = 0;
    for (const name of Object.keys(value)) {
      const field = (value as Record<string, unknown>)[name];
      if (field === undefined) continue;
      fields += 1;
      this.addName(name);
      const kept = this.copy(field, depth);
      if (name === '__proto__') Object.defineProperty(copy, name, { value: kept, enumerable: true });
      else copy[name] = kept;
    }
    this.add(objectBytes(fields));
    return Object.freeze(copy);
  }

  private copyArray(value: readonly unknown[], depth: number): unknown {
    this.add(ARRAY_BYTES + value.length * FIELD_BYTES);
    const copy = new Array<unknown>(value.length);
    for (let at = 0; at < value.length; at += 1) copy[at] = this.copy(value[at], depth);
    return Object.freeze(copy);
  }

  private addString(text: string): void {
    // Weighed by length first, so that the characters of a huge text are not looked at.
    if (this.bytes + text.length > this.maxBytes) throw new Refusal('too-large');
    this.add(stringBytes(text));
  }

  private addName(name: string): void {
    if (name.length > MAX_NAME_LENGTH) this.addString(name);
    this.add(this.names.weigh(name));
  }

  private add(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.maxBytes) throw new Refusal('too-large');
  }
}

function objectBytes(fields: number): number {
  if (fields <= IN_OBJECT_FIELDS) return OBJECT_BYTES;
  return OBJECT_BYTES + 16 + FIELD_BYTES * roundUp(fields - IN_OBJECT_FIELDS, FIELD_STEP);
}

/** Kept inside the field itself (a Smi, 32 bits). */
const isSmallInteger = (value: number): boolean => (value | 0) === value && !Object.is(value, -0);

/** An object literal of any realm, or one without prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
