/**
 * Query parameters that tell where a visitor came from and never which page is shown. Everything else in a query
 * belongs to the identity of a URL: `v=` of a video, `id=` of a forum, `p=` of a blog.
 *
 * A name is listed only when its vendor documents it as a click, campaign or subscriber id. Changing the table
 * changes identities: raise NORMALISER_VERSION with it.
 */
const ANYWHERE: ReadonlySet<string> = new Set([
  // Google Ads, Campaign Manager, Merchant Center and the linker of Google Analytics
  'gclid',
  'gclsrc',
  'dclid',
  'gbraid',
  'wbraid',
  'srsltid',
  '_ga',
  '_gl',
  // Meta and Instagram
  'fbclid',
  'igshid',
  'igsh',
  // Microsoft, Yandex, X, TikTok, LinkedIn, Pinterest, Snapchat, Reddit
  'msclkid',
  'yclid',
  'ysclid',
  '_openstat',
  'twclid',
  'ref_src',
  'ref_url',
  'ttclid',
  'li_fat_id',
  'epik',
  'sccid',
  'rdt_cid',
  // Newsletters and marketing automation: Mailchimp, HubSpot, Marketo, MailerLite, Vero, Omeda, Klaviyo, Drip
  'mc_cid',
  'mc_eid',
  '_hsenc',
  '_hsmi',
  '__hstc',
  '__hssc',
  '__hsfp',
  'hsctatracking',
  'mkt_tok',
  'ml_subscriber',
  'ml_subscriber_hash',
  'vero_id',
  'vero_conv',
  'oly_anon_id',
  'oly_enc_id',
  '_kx',
  '__s',
  'wickedid',
]);

/** Families: everything that starts like this. */
const PREFIXES: readonly string[] = ['utm_', 'mtm_', 'pk_campaign', 'pk_kwd', 'pk_source', 'pk_medium'];

/** Share marks of single sites, where the same short name means something else elsewhere. */
const ON_HOSTS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['youtube.com', new Set(['si', 'feature'])],
  ['youtu.be', new Set(['si', 'feature'])],
  ['open.spotify.com', new Set(['si'])],
  ['x.com', new Set(['s', 't'])],
  ['twitter.com', new Set(['s', 't'])],
]);

/** Whether a parameter only tracks. `name` is decoded; `host` is lower case; a site's own marks count on its subdomains too. */
export function isTrackingParameter(name: string, host: string): boolean {
  const key = name.toLowerCase();
  if (ANYWHERE.has(key) || PREFIXES.some((prefix) => key.startsWith(prefix))) return true;
  for (const [site, names] of ON_HOSTS) {
    if (names.has(key) && (host === site || host.endsWith(`.${site}`))) return true;
  }
  return false;
}
