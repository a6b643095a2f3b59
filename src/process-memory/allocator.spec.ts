import { describe, expect, it } from '@jest/globals';
import { describeAllocator } from './allocator.js';

const map = (path: string): string => `7f7fcc239000-7f7fcc25f000 r-xp 00000000 fe:00 339380     ${path}\n`;
const GLIBC = map('/usr/lib/x86_64-linux-gnu/libc.so.6');
const OLD_GLIBC = map('/lib/x86_64-linux-gnu/libc-2.31.so');
const JEMALLOC = map('/usr/lib/x86_64-linux-gnu/libjemalloc.so.2');
const MUSL = map('/lib/ld-musl-x86_64.so.1');
const TCMALLOC = map('/usr/lib/libtcmalloc_minimal.so.4');

describe('describeAllocator', () => {
  it.each([
    ['untuned glibc', GLIBC, [], 'glibc', false],
    ['an older glibc', OLD_GLIBC, [], 'glibc', false],
    ['arenas alone', GLIBC, ['MALLOC_ARENA_MAX=2'], 'glibc', false],
    ['the threshold alone', GLIBC, ['MALLOC_MMAP_THRESHOLD_=65536'], 'glibc', false],
    [
      'both',
      GLIBC,
      ['HOME=/root', 'MALLOC_ARENA_MAX=2', 'MALLOC_MMAP_THRESHOLD_=65536'],
      'glibc-tuned',
      true,
    ],
    [
      'both as tunables',
      GLIBC,
      ['GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.mmap_threshold=65536'],
      'glibc-tuned',
      true,
    ],
    ['too many arenas', GLIBC, ['MALLOC_ARENA_MAX=64', 'MALLOC_MMAP_THRESHOLD_=65536'], 'glibc', false],
    ['jemalloc as it comes', GLIBC + JEMALLOC, [], 'jemalloc', false],
    [
      'jemalloc with decay',
      GLIBC + JEMALLOC,
      ['MALLOC_CONF=dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true'],
      'jemalloc',
      true,
    ],
    ['jemalloc asked for but not loaded', GLIBC, ['LD_PRELOAD=/usr/lib/libjemalloc.so.2'], 'glibc', false],
    ['musl', MUSL, ['MALLOC_ARENA_MAX=2', 'MALLOC_MMAP_THRESHOLD_=65536'], 'musl', false],
    ['tcmalloc', GLIBC + TCMALLOC, [], 'unknown', false],
    ['no maps', '', [], 'unknown', false],
  ])('recognises %s', (_, maps, entries, name, tuned) => {
    const environ = entries.map((entry) => `${entry}\0`).join('');

    expect(describeAllocator({ maps, environ })).toEqual({ name, tuned });
  });

  it('recognises the one of this process', () => {
    expect(['jemalloc', 'glibc-tuned', 'glibc', 'musl']).toContain(describeAllocator().name);
  });
});
