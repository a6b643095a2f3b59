import { hash } from 'node:crypto';
import { join } from 'node:path';
import { OBJECT_KINDS, type ObjectKey, type ObjectKind } from './object-store.js';

/** Hex digits of a file's name: 128 bits of sha256 over the key; the record repeats the key, so a collision is noticed. */
const NAME_DIGITS = 32;

/** Hex digits of a generation; the first {@link START_DIGITS} name the process that wrote it. */
export const GENERATION_DIGITS = 16;
export const START_DIGITS = 6;

const SHARD = /^[\da-f]$/;
const FILE = new RegExp(`^([\\da-f]{${NAME_DIGITS}})\\.(json|[\\da-f]{${GENERATION_DIGITS}})$`);

/** What the name of an object's files says. */
export interface ObjectId {
  readonly kind: ObjectKind;
  /** Of the key, lower-case hex; the first two digits choose the folder. */
  readonly hash: string;
}

export interface ObjectName extends ObjectId {
  readonly key: ObjectKey;
}

/** `null` for a text that is no key: nothing can be stored under it. */
export function nameOf(key: string): ObjectName | null {
  const slash = key.indexOf('/');
  const kind = key.slice(0, Math.max(slash, 0)) as ObjectKind;
  if (!OBJECT_KINDS.includes(kind) || key.length === slash + 1 || key.length > 1024) return null;
  return { key: key as ObjectKey, kind, hash: hash('sha256', key).slice(0, NAME_DIGITS) };
}

/** What a file in a shard folder is: an object's record or one generation of its data. `null` is none of ours. */
export function readFileName(
  name: string,
): { readonly hash: string; readonly generation: string | null } | null {
  const match = FILE.exec(name);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  return { hash: match[1], generation: match[2] === 'json' ? null : match[2] };
}

export const isShard = (name: string): boolean => SHARD.test(name);

/** 0 to 65535. */
export const shardNumber = (hash: string): number => Number.parseInt(hash.slice(0, 4), 16);

/**
 * Where things lie under DATA_DIR:
 *
 *     objects/<kind>/<hex>/<hex>/<hash>.<generation>   the bytes, as they came
 *     objects/<kind>/<hex>/<hex>/<hash>.json           the record that names them; its rename commits
 *     tmp/                                                 what is being written, on the same volume
 *     quarantine/                                          damaged uploads, kept for the operator
 */
export class ObjectPaths {
  readonly objects: string;
  readonly temporary: string;
  readonly quarantine: string;

  constructor(readonly root: string) {
    this.objects = join(root, 'objects');
    this.temporary = join(root, 'tmp');
    this.quarantine = join(root, 'quarantine');
  }

  kind(kind: ObjectKind): string {
    return `${this.objects}/${kind}`;
  }

  /** The outer and the inner shard folder. */
  shards(id: ObjectId): readonly [string, string] {
    const outer = `${this.kind(id.kind)}/${id.hash.slice(0, 1)}`;
    return [outer, `${outer}/${id.hash.slice(1, 2)}`];
  }

  record(id: ObjectId): string {
    return `${this.shards(id)[1]}/${id.hash}.json`;
  }

  data(id: ObjectId, generation: string): string {
    return `${this.shards(id)[1]}/${id.hash}.${generation}`;
  }

  temporaryFile(name: string): string {
    return `${this.temporary}/${name}`;
  }
}
