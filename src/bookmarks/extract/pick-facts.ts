import { LIMITS } from '../model/bookmark.js';
import type { PageFacts } from '../model/page-facts.js';
import type { Findings } from './findings.js';
import type { LdFacts } from './json-ld.js';
import { toIsoDate } from './page-date.js';
import { MAX_NAME_CHARS, cleanText, withoutTags } from './page-text.js';
import { isSiteName, withoutSiteName } from './page-title.js';
import { parseUrl } from '../../url/index.js';
import { baseOf, resolvePageUrl } from './page-url.js';
import { pickIcons, pickImages } from './pick-images.js';
import { isPlaceholderDescription, isPlaceholderName, isPlaceholderTitle } from './placeholder.js';

/** Most feeds that are kept. */
const MAX_FEEDS = 10;

const PUBLISHED = [
  ...[
    'article:published_time',
    'article:published',
    'og:published_time',
    'og:pubdate',
    'itemprop:datepublished',
    'body:datepublished',
  ],
  ...[
    'datepublished',
    'parsely-pub-date',
    'sailthru.date',
    'citation_publication_date',
    'citation_online_date',
  ],
  ...[
    'citation_date',
    'dc.date.issued',
    'dcterms.issued',
    'dcterms.created',
    'dc.date.created',
    'dc.date',
    'dc:date',
  ],
  ...['dcterms.date', 'publishdate', 'publish-date', 'publish_date', 'pubdate', 'date', 'book:release_date'],
  ...['video:release_date', 'og:video:release_date', 'music:release_date'],
] as const;

/** What the page says about itself, chosen among what was found; everything but what the reading itself tells. */
export type ChosenFacts = Omit<PageFacts, 'charset' | 'wall' | 'bytesRead' | 'truncated'>;

/**
 * Chooses among the findings. OpenGraph first, then what is made for machines, then what is made for people; a
 * placeholder is no value, whoever says it.
 *
 * @param pageUrl the address after all redirects
 */
export function pickFacts(findings: Findings, pageUrl: string): ChosenFacts {
  const base = baseOf(findings.baseHref, pageUrl);
  const ld = orderLd(findings, pageUrl);
  const siteName = pickSiteName(findings, ld);
  const publisher = pickPublisher(findings, ld) ?? siteName;
  const title = pickTitle(
    findings,
    ld,
    pageUrl,
    [siteName, publisher].flatMap((name) => name ?? []),
  );
  const facts = {
    title,
    description: pickDescription(findings, ld, title),
    author: pickAuthor(findings, ld),
    publisher,
    siteName,
    publishedAt: first([
      ...[...ld.map((node) => node.publishedAt)],
      ...findings.each(...PUBLISHED).map(toIsoDate),
      toIsoDate(findings.time),
    ]),
    language: pickLanguage(findings, ld),
    canonicalUrl: pickCanonical(findings, base, pageUrl),
    oembedUrl: resolvePageUrl(findings.oembed, base),
  };
  return {
    ...(Object.fromEntries(
      Object.entries(facts).filter(([, value]) => value !== undefined),
    ) as Partial<ChosenFacts>),
    images: pickImages(findings, ld, base),
    icons: pickIcons(findings.icons, base),
    feedUrls: findings.feeds.flatMap((feed) => resolvePageUrl(feed, base) ?? []).slice(0, MAX_FEEDS),
  };
}

const first = <T>(values: readonly (T | undefined)[]): T | undefined =>
  values.find((value) => value !== undefined);

/** Objects about this page first; of a list of equals the one that names this address. Those about the site last. */
function orderLd(findings: Findings, pageUrl: string): LdFacts[] {
  const { pathname } = new URL(pageUrl);
  const isThisPage = (node: LdFacts): boolean =>
    node.url !== undefined && parseUrl(node.url, pageUrl)?.pathname === pathname;
  const ranks = { main: 0, page: 4, site: 8 } as const;
  const rank = (node: LdFacts): number =>
    ranks[node.role] + (isThisPage(node) ? 0 : 2) + (node.isArticle ? 0 : 1);
  const mains = findings.ld.filter(({ role }) => role === 'main');
  // A list of other pages (a front page, "more stories") says nothing about this one.
  const isList = mains.length > 3 && !mains.some(isThisPage);
  return findings.ld.filter(({ role }) => !(isList && role === 'main')).sort((a, b) => rank(a) - rank(b));
}

function pickTitle(
  findings: Findings,
  ld: readonly LdFacts[],
  pageUrl: string,
  siteNames: readonly string[],
): string | undefined {
  const ldTitle = (role: LdFacts['role']): readonly (string | undefined)[] =>
    ld.filter((node) => node.role === role).map(({ title }) => title);
  const isDeep = new URL(pageUrl).pathname !== '/';
  const candidates = [
    ...findings.each('og:title', 'twitter:title', 'itemprop:headline'),
    ...ldTitle('main'),
    // On a front page the heading is that of the first of many articles.
    ...(isDeep ? findings.all('h1:headline') : []),
    ...findings.each('citation_title', 'parsely-title', 'sailthru.title'),
    ...findings.each('dc.title', 'dcterms.title', 'dc:title'),
    findings.title,
    ...ldTitle('page'),
    // Microdata of the body: the headings of lists carry it, too.
    ...findings.each('body:headline', 'h1:headline', 'itemprop:name'),
    findings.h1,
  ].filter((title): title is string => title !== undefined && !isPlaceholderTitle(title, pageUrl));
  // The same og:title on every page of a site is a common fault; the title of a front page it may well be.
  const own = isDeep ? candidates.find((title) => !isSiteName(title, pageUrl, siteNames)) : undefined;
  const title = own ?? candidates[0];
  return title === undefined
    ? undefined
    : cleanText(withoutSiteName(title, pageUrl, siteNames), LIMITS.title);
}

function pickDescription(
  findings: Findings,
  ld: readonly LdFacts[],
  title: string | undefined,
): string | undefined {
  const candidates = [
    ...findings.each('og:description', 'description', 'twitter:description', 'itemprop:description'),
    ...ld.map(({ description }) => description),
    ...findings.each('citation_abstract', 'dc.description', 'dcterms.description', 'dc:description'),
    ...findings.each('dcterms.abstract', 'sailthru.description'),
  ];
  const description = candidates.find(
    (text): text is string => text !== undefined && text !== title && !isPlaceholderDescription(text),
  );
  return cleanText(withoutTags(description ?? ''), LIMITS.description);
}

const isName = (name: string | undefined): name is string => name !== undefined && !isPlaceholderName(name);

function pickAuthor(findings: Findings, ld: readonly LdFacts[]): string | undefined {
  const cited = findings.all('citation_author').filter(isName).join(', ');
  const articleAuthors = findings.all('article:author', 'book:author').filter(isName).join(', ');
  const candidates = [
    ...ld.map(({ author }) => author),
    articleAuthors,
    cited,
    ...findings.each(
      'author',
      'parsely-author',
      'sailthru.author',
      'byl',
      'itemprop:author',
      'body:author',
      'og:author',
    ),
    ...[findings.all('dc.creator', 'dcterms.creator', 'dc:creator').filter(isName).join(', ')],
    findings.authorLink,
    // The account of the site is nobody in particular.
    ...findings.each('twitter:creator').filter((name) => !findings.each('twitter:site').includes(name)),
  ].filter((name) => name !== '');
  return first(
    candidates.filter(isName).map((name) => cleanText(name.replace(/^by:?\s+/i, ''), MAX_NAME_CHARS)),
  );
}

function pickPublisher(findings: Findings, ld: readonly LdFacts[]): string | undefined {
  const candidates = [
    ...ld.filter(({ role }) => role !== 'site').map(({ publisher }) => publisher),
    ...findings.each('publisher', 'dc.publisher', 'dcterms.publisher', 'dc:publisher', 'citation_publisher'),
    ...findings.each('citation_journal_title', 'itemprop:publisher', 'body:publisher', 'article:publisher'),
  ];
  return candidates.find(isName);
}

function pickSiteName(findings: Findings, ld: readonly LdFacts[]): string | undefined {
  const candidates = [
    ...findings.each('og:site_name', 'application-name', 'apple-mobile-web-app-title'),
    ...ld.filter(({ role }) => role === 'site').map(({ publisher }) => publisher),
  ];
  return candidates.find(isName);
}

function pickLanguage(findings: Findings, ld: readonly LdFacts[]): string | undefined {
  const candidates = [
    findings.language,
    ...findings.each('content-language', 'og:locale', 'dc.language', 'language'),
    ...ld.map(({ language }) => language),
  ];
  return first(candidates.map(toLanguageTag));
}

/** A language tag in its canonical form (BCP 47): `en_us` is `en-US`. */
function toLanguageTag(raw: string | undefined): string | undefined {
  const tag = raw?.split(',', 1)[0]?.trim().replaceAll('_', '-') ?? '';
  if (!/^[a-z]{2,3}(?:-[a-z\d]{2,8}){0,3}$/i.test(tag)) return undefined;
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}

/** A canonical address at the front page is a fault of the site's template, unless this is the front page. */
function pickCanonical(findings: Findings, base: string, pageUrl: string): string | undefined {
  const isDeep = new URL(pageUrl).pathname !== '/';
  return [findings.canonical, ...findings.all('og:url')]
    .map((raw) => resolvePageUrl(raw, base))
    .find(
      (url) => url !== undefined && !(isDeep && new URL(url).pathname === '/' && new URL(url).search === ''),
    );
}
