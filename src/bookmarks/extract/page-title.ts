/** Between a title and the name of its site, with blanks around. */
const SEPARATOR = /\s+(?:[|\-–—·•»«:~]|::|\/\/|&raquo;)\s+/g;

/** What may be left of a title on a front page only: there the name of the site is the title. */
const GENERIC =
  /^(?:home|homepage|home page|welcome|start|startseite|accueil|inicio|index|main page|main|blog|news)$/i;

/** Fewer characters than this are no title of their own. */
const LEAST_CHARS = 3;

const letters = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/**
 * A title without the name of its site at the end ("Tide tables | Harbour News"). Cautious: only after a separator,
 * only when what follows is exactly a name that the page or its host gives the site, and never on a front page.
 *
 * @param siteNames what the page calls its site
 */
export function withoutSiteName(title: string, pageUrl: string, siteNames: readonly string[]): string {
  if (new URL(pageUrl).pathname === '/') return title;
  const last = [...title.matchAll(SEPARATOR)].at(-1);
  if (last === undefined) return title;
  const rest = title.slice(0, last.index).trimEnd();
  const name = letters(title.slice(last.index + last[0].length));
  if (name === '' || !namesOf(pageUrl, siteNames).has(name)) return title;
  return rest.length < LEAST_CHARS || GENERIC.test(rest) ? title : rest;
}

/** Whether a title is nothing but the name of the site. */
export function isSiteName(title: string, pageUrl: string, siteNames: readonly string[]): boolean {
  return namesOf(pageUrl, siteNames).has(letters(title));
}

function namesOf(pageUrl: string, siteNames: readonly string[]): ReadonlySet<string> {
  const host = new URL(pageUrl).hostname.replace(/^www\./, '');
  const labels = host.split('.');
  const names = new Set([letters(host), ...siteNames.map(letters)]);
  // "example" of example.org; of a longer host the label before the last one, too.
  for (const label of [labels.at(-2), labels.length > 2 ? labels[0] : undefined]) {
    if (label !== undefined && label.length >= 4) names.add(letters(label));
  }
  names.delete('');
  return names;
}
