/** Fetches assets of the Karakeep server, with its key, from that origin alone. The Karakeep source implements it. */
export interface AssetFetcher {
  /**
   * The bytes of the asset, a private buffer of exactly their length; more than `maxBytes` is `source-too-large`.
   *
   * @throws PlimsollError `karakeep-not-configured`, `karakeep-error`, and the codes of the guarded fetch; AbortedError
   */
  fetch(url: string, options: { readonly maxBytes: number; readonly signal: AbortSignal }): Promise<Buffer>;
}

/** Injection token of the {@link AssetFetcher}; optional: without one assets of Karakeep are no previews. */
export const ASSET_FETCHER = Symbol('ASSET_FETCHER');
