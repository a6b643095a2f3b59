/**
 * Names of `<meta>` (name, property, http-equiv) that are of use, by the longest value that is kept, characters.
 * `itemprop:` stands for microdata of `<meta>`, `body:` for that of other elements.
 */
const NAMES_BY_LIMIT: Readonly<Record<number, string>> = {
  1000: `
    og:title twitter:title dc.title dcterms.title dc:title sailthru.title parsely-title citation_title
    itemprop:headline itemprop:name h1:headline body:headline`,
  5000: `
    og:description description twitter:description dc.description dcterms.description dc:description
    sailthru.description itemprop:description citation_abstract dcterms.abstract`,
  200: `
    og:site_name application-name apple-mobile-web-app-title author article:author book:author og:author
    dc.creator dcterms.creator dc:creator dc.publisher dcterms.publisher dc:publisher publisher
    article:publisher citation_author citation_publisher citation_journal_title parsely-author
    sailthru.author byl twitter:creator twitter:site itemprop:author body:author itemprop:publisher
    body:publisher og:type og:locale content-language language dc.language`,
  80: `
    article:published_time article:published og:published_time og:pubdate date pubdate publishdate
    publish-date publish_date datepublished dc.date dc.date.issued dc.date.created dc:date dcterms.date
    dcterms.created dcterms.issued citation_publication_date citation_date citation_online_date
    parsely-pub-date sailthru.date itemprop:datepublished body:datepublished video:release_date
    book:release_date music:release_date og:video:release_date`,
  4096: 'og:url twitter:image twitter:image:src itemprop:image body:image thumbnail',
};

/** The longest value of each name that is of use, characters. */
export const META_LIMITS: ReadonlyMap<string, number> = new Map(
  Object.entries(NAMES_BY_LIMIT).flatMap(([limit, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, Number(limit)] as const),
  ),
);
