import type { PageFacts } from '../model/page-facts.js';

/** What a look at a URL brought. */
export type PageReading =
  | {
      readonly kind: 'page';
      readonly status: number;
      /** After redirects. */
      readonly finalUrl: string;
      /** Without parameters, lower case. */
      readonly contentType: string;
      readonly facts: PageFacts;
    }
  /** Not an HTML page: a picture, a PDF. Its body was not read. */
  | {
      readonly kind: 'file';
      readonly status: number;
      readonly finalUrl: string;
      /** `undefined` when the origin does not say. */
      readonly contentType: string | undefined;
    };

/** Reads a page and what it says about itself. */
export interface PageReader {
  /**
   * Asks the origin, whatever was remembered of its failures.
   *
   * @throws AbortedError, and PlimsollError with the codes of the guarded fetch
   */
  read(url: string, signal: AbortSignal): Promise<PageReading>;
}

/** Injection token of the {@link PageReader}. */
export const PAGE_READER = Symbol('PAGE_READER');
