import { describe, expect, it } from '@jest/globals';
import { MemoryPressureError, PlimsollError } from '../../errors/index.js';
import { imageFailure } from './image-failure.js';

describe('imageFailure', () => {
  // The texts of codecs under RLIMIT_DATA, as measured.
  it.each([
    'VipsJpeg: Insufficient memory (case 4)',
    'Input buffer has corrupt header: vips_tracked: out of memory -- size == 183MB',
    'av1_create_context_and_bufferpool() failed',
    'heifsave: Undefined AOM error',
    'webpsave: unable to encode',
    'Could not allocate enough memory for raw output',
  ])('takes "%s" for memory, never for damage', (text) => {
    const failure = imageFailure(new Error(text));

    expect(failure).toBeInstanceOf(MemoryPressureError);
    expect(failure).toMatchObject({ code: 'memory-pressure', retryAfterSeconds: 2 });
  });

  it('takes a failed buffer allocation for memory', () => {
    expect(imageFailure(new RangeError('Array buffer allocation failed'))).toMatchObject({
      code: 'memory-pressure',
    });
  });

  it.each([
    ['VipsJpeg: premature end of JPEG image', 'undecodable-image'],
    ['Unknown error', 'undecodable-image'],
    ['Input buffer contains unsupported image format', 'undecodable-image'],
    ['Input image exceeds pixel limit', 'image-too-many-pixels'],
    ['timeout: 7% complete', 'operation-timeout'],
    ['Input file is missing: /var/lib/secret', 'storage-unavailable'],
    ['extract_area: bad extract area', 'internal-error'],
    ['Expected integer between 1 and 100 for quality but received 0 of type number', 'internal-error'],
  ])('takes "%s" for %s and shows none of it', (text, code) => {
    const failure = imageFailure(new Error(text), 30_000);

    expect(failure).toMatchObject({ code });
    expect(failure.message).not.toContain('/var');
    expect(failure.message).not.toContain('Vips');
  });

  it('leaves our own errors alone', () => {
    const own = new PlimsollError('source-too-large', 'x');

    expect(imageFailure(own)).toBe(own);
  });
});
