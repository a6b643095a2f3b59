import sharp from 'sharp';

/**
 * The one place where sharp is set up and imported from; it runs once, when the room is loaded.
 *
 * - `cache(false)`: libvips' operation cache holds 50 MB that no ledger sees and that no eviction reaches.
 * - `concurrency(1)`: one thread per image. More threads cost 7 to 10 MB each and win nothing while several
 *   images are in work; and sharp's own default becomes the number of cores as soon as `MALLOC_ARENA_MAX` is
 *   set or jemalloc is loaded, which the launcher does.
 * - `simd(true)`: sharp's default, stated because the benches depend on it.
 *
 * Calling it again changes nothing.
 */
export function configureSharp(): void {
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.simd(true);
}

configureSharp();

export { sharp };
