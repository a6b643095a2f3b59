import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Runs one full garbage collection and returns when marking is done; the sweep ends about 100 ms later. */
export type CollectGarbage = () => void;

/** Injection token of {@link CollectGarbage}. */
export const COLLECT_GARBAGE = Symbol('COLLECT_GARBAGE');

let collect: CollectGarbage | undefined;

/**
 * A full collection without a start flag: V8 makes `gc` visible in contexts created after the flag was set. The
 * function is fetched once and the flag taken back, so that nothing else sees it.
 *
 * @throws when this V8 does not offer it.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    try {
      collect = runInNewContext('gc') as CollectGarbage;
    } finally {
      setFlagsFromString('--no-expose-gc');
    }
  }
  collect();
}
