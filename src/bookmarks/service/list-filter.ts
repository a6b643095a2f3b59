import type { BookmarkFilter } from '../model/bookmark-store.js';
import type { ListQuery } from './list-query.js';

type Narrowing = Pick<
  ListQuery,
  'archived' | 'favourite' | 'untagged' | 'domain' | 'status' | 'before' | 'after'
> & { readonly tag?: readonly string[] | undefined };

/** What a request narrows a list down to, as the store understands it. */
export function toFilter(query: Narrowing): BookmarkFilter {
  const { tag, archived, favourite, untagged, domain, status, before, after } = query;
  return {
    ...(tag === undefined || tag.length === 0 ? {} : { tags: tag }),
    ...(archived === undefined ? {} : { archived }),
    ...(favourite === undefined ? {} : { favourite }),
    ...(untagged === undefined ? {} : { untagged }),
    ...(domain === undefined ? {} : { host: domain }),
    ...(status === undefined ? {} : status === 'dead' ? { dead: true } : { enrichment: status }),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}
