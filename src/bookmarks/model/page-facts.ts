/** A picture that a page names for itself. */
export interface PageImage {
  /** Absolute http(s) URL. */
  readonly url: string;
  readonly from: 'og' | 'twitter' | 'json-ld' | 'link' | 'body';
  readonly width?: number;
  readonly height?: number;
  readonly type?: string;
}

export interface PageIcon {
  readonly url: string;
  readonly rel: 'icon' | 'apple-touch-icon' | 'mask-icon' | 'manifest';
  /** Largest declared side, pixels; 0 for `any` (SVG). */
  readonly size?: number;
  readonly type?: string;
}

/** What a page says about itself; strings are copies, free of the page, trimmed, entities decoded, NUL and lone surrogates gone. */
export interface PageFacts {
  readonly title?: string;
  readonly description?: string;
  readonly author?: string;
  readonly publisher?: string;
  readonly siteName?: string;
  /** ISO 8601. */
  readonly publishedAt?: string;
  /** BCP 47. */
  readonly language?: string;
  readonly canonicalUrl?: string;
  readonly images: readonly PageImage[];
  readonly icons: readonly PageIcon[];
  /** JSON oEmbed endpoint. */
  readonly oembedUrl?: string;
  readonly feedUrls: readonly string[];
  readonly charset: string;
  /** The page is a wall in front of the page: nothing in it may replace what is known. */
  readonly wall?: 'challenge' | 'consent' | 'login';
  /** Bytes of HTML that were read, after decompression, and whether reading stopped before the end. */
  readonly bytesRead: number;
  readonly truncated: boolean;
}
