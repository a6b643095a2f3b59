import { describe, expect, it } from '@jest/globals';
import { FOREVER, type SourceRecord } from '../sources/source-record.js';
import { toMetadata } from './image-facts.service.js';

const record = (orientation: number, changes: Partial<SourceRecord> = {}): SourceRecord => ({
  key: 'originals/secret-key',
  sha256: 'abc',
  bytes: 1_234,
  contentType: 'image/jpeg',
  header: {
    format: 'jpeg',
    width: 400,
    height: 300,
    pages: 1,
    channels: 3,
    bitsPerSample: 8,
    hasAlpha: false,
    progressive: true,
    orientation,
    bytes: 1_234,
  },
  createdAt: Date.UTC(2026, 0, 1),
  freshUntil: Date.UTC(2026, 0, 2),
  staleUntil: Date.UTC(2026, 0, 9),
  etag: '"of the origin"',
  ...changes,
});

describe('toMetadata', () => {
  it('tells what a client may know, and nothing of keys or validators', () => {
    expect(toMetadata(record(1))).toEqual({
      format: 'jpeg',
      contentType: 'image/jpeg',
      width: 400,
      height: 300,
      pages: 1,
      hasAlpha: false,
      orientation: 1,
      bytes: 1_234,
      sha256: 'abc',
      storedAt: '2026-01-01T00:00:00.000Z',
      freshUntil: '2026-01-02T00:00:00.000Z',
    });
  });

  it.each([
    [1, 400, 300],
    [2, 400, 300],
    [3, 400, 300],
    [4, 400, 300],
    [5, 300, 400],
    [6, 300, 400],
    [7, 300, 400],
    [8, 300, 400],
  ])('gives the size that a person sees at orientation %i', (orientation, width, height) => {
    expect(toMetadata(record(orientation))).toMatchObject({ width, height, orientation });
  });

  it('has no end of freshness for an upload', () => {
    expect(toMetadata(record(1, { freshUntil: FOREVER, staleUntil: FOREVER })).freshUntil).toBeNull();
  });
});
