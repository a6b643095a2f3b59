import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Streamed bytes between two collections. Every chunk is a buffer of its own, outside the heap, dead as soon as it
 * has passed; left alone, V8 lets 32 MiB of them gather before it looks (measured, whatever the size of its young
 * generation). With 4 MiB a transfer of any length holds about 8 MiB.
 */
const PERIOD_BYTES = 4 * 1024 ** 2;

/** Collections cost a picture of 5 MB about 2 ms (bench:cold): transfers up to this size cause none. */
const SHORT_TRANSFER_BYTES = 6 * 1024 ** 2;

type CollectYoung = (options: { readonly type: 'minor' }) => void;

/** Frees the chunks of transfers as they pass: one young collection (0.3 to 1 ms) for every 4 MiB streamed. */
export class TransferGarbage {
  private passedBytes = 0;

  constructor(private readonly collect: () => void = collectYoung) {}

  /**
   * A chunk has passed that nobody needs any more. `transferBytes` is what its transfer has passed so far: short ones
   * leave little behind each and V8's own collections are soon enough for them.
   */
  note(bytes: number, transferBytes: number): void {
    if (transferBytes < SHORT_TRANSFER_BYTES) return;
    this.passedBytes += bytes;
    if (this.passedBytes < PERIOD_BYTES) return;
    this.passedBytes = 0;
    this.collect();
  }
}

let young: CollectYoung | null | undefined;

/** Without a start flag: V8 shows `gc` to contexts made while the flag is set. Does nothing where there is none. */
function collectYoung(): void {
  if (young === undefined) {
    setFlagsFromString('--expose-gc');
    try {
      young = (runInNewContext('globalThis.gc') as CollectYoung | undefined) ?? null;
    } finally {
      setFlagsFromString('--no-expose-gc');
    }
  }
  young?.({ type: 'minor' });
}
