export type {
  AnswerHead,
  FetchOutcome,
  FetchRequest,
  FetchSink,
  FetchSnapshot,
  FreshnessHeaders,
  HeadHeaders,
  ReadOutcome,
  ReadRequest,
  Validators,
} from './fetch-types.js';
export { HOST_RESOLVER, type HostAddress, type HostResolver } from './host-resolver.js';
export { RemoteFetchModule } from './remote-fetch.module.js';
export { RemoteFetcher } from './remote-fetcher.js';
export { MAX_SOURCE_URL_CHARS, normaliseSourceUrl } from './source-url.js';
