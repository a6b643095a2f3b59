import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import type { ImageHeader, OutputFormat } from '../../image-memory/index.js';
import { parseImageQuery } from '../parameters/parse-image-query.js';
import type { SourceRecord } from '../sources/source-record.js';
import { FormatChooser } from './format-chooser.js';

const HEADER: ImageHeader = {
  format: 'jpeg',
  width: 1_200,
  height: 800,
  pages: 1,
  channels: 3,
  bitsPerSample: 8,
  hasAlpha: false,
  progressive: false,
  chromaSubsampling: '4:2:0',
  orientation: 1,
  bytes: 200_000,
};

describe('FormatChooser', () => {
  let rooms: MemoryRooms;

  beforeEach(async () => {
    rooms = await startMemoryRooms();
  });

  afterEach(() => rooms.close());

  /** The formats that may be looked up; the last is the one that may be made now. */
  const formats = (query: Record<string, string>, header: Partial<ImageHeader> = {}): OutputFormat[] => {
    const { parameters } = parseImageQuery(Object.entries(query), rooms.settings);
    const record = { header: { ...HEADER, ...header }, sha256: 'x' } as SourceRecord;
    const request = {
      source: { kind: 'remote', url: 'https://a.example/' },
      parameters,
      delivery: 'bytes',
    } as const;
    return new FormatChooser(rooms.settings, rooms.memory)
      .choices(request, record, 'image/avif,image/webp')
      .map(({ plan }) => plan.operation.format);
  };

  const degrade = (): void => rooms.memory.forceLevel('degraded', rooms.clock.now() + 60_000);

  it('makes the cheaper format while memory is short, where the choice is its own', () => {
    expect(formats({ w: '300', format: 'auto' })).toEqual(['avif']);

    degrade();

    expect(formats({ w: '300', format: 'auto' })).toEqual(['avif', 'webp']);
  });

  it.each<[OutputFormat]>([['avif'], ['webp'], ['jpeg'], ['png']])(
    'obeys a format by name at every level: %s',
    (format) => {
      degrade();

      expect(new Set(formats({ w: '300', format }))).toEqual(new Set([format]));
    },
  );

  it('makes WebP of an AVIF that could never fit', () => {
    const huge = { width: 8_000, height: 8_000 };

    expect(formats({ w: '8000', format: 'avif' }, huge).at(-1)).toBe('webp');
  });
});
