import { PlimsollError } from '../../errors/index.js';

/** Where a client stands in the change feed. */
export interface SyncPosition {
  readonly seq: number;
  /** When the position was given out, epoch ms. */
  readonly at: number;
}

const TOKEN = /^s1-([0-9a-z]{1,11})-([0-9a-z]{1,11})$/;

/** Opaque to clients. */
export const toSyncToken = ({ seq, at }: SyncPosition): string => `s1-${seq.toString(36)}-${at.toString(36)}`;

/** Whether the text is one of ours, or a time. */
export const isSyncToken = (text: string): boolean => text.startsWith('s1-');

/** @throws PlimsollError `invalid-cursor` */
export function fromSyncToken(text: string): SyncPosition {
  const match = TOKEN.exec(text);
  if (match === null) {
    throw new PlimsollError(
      'invalid-cursor',
      'modifiedSince must be a time such as 2026-01-31T12:00:00Z, or the syncToken of an earlier answer.',
    );
  }
  return { seq: Number.parseInt(match[1] as string, 36), at: Number.parseInt(match[2] as string, 36) };
}
