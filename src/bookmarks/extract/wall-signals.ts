import { isPlaceholderTitle } from './placeholder.js';

/** Marks of the pages that stand between a robot and a page; in addresses and in scripts. */
const CHALLENGE_MARKS =
  /\/cdn-cgi\/challenge-platform\/h\/|_cf_chl_opt|captcha-delivery\.com|\bvar dd\s*=\s*\{|_pxAppId|px-captcha|px-cdn\.net|perimeterx\.net|human-challenge|\/_sec\/cp_challenge|sec-if-cpt|_Incapsula_Resource|awsWafCookieDomainList|\.awswaf\.com|\/sgcaptcha\/|sucuri_cloudproxy_js|\.within\.website\/x\/cmd\/anubis|\/\.well-known\/vercel\/security|ddos-guard|kpsdk|_fs-ch-/i;

/** Widgets that any form may hold. */
const WIDGET_MARKS =
  /challenges\.cloudflare\.com\/turnstile|hcaptcha\.com\/1\/api|google\.com\/recaptcha\/(?:api|enterprise)\.js/i;

const CHALLENGE_TITLE =
  /^(?:just a moment|nur einen moment|einen moment,? bitte|un momento|un instant|um momento)\s*(?:\.\.\.|…)$|^attention required! \| cloudflare$|^access to this page has been denied\.?$|^access denied$|^pardon our interruption\.*$|^(?:robot|security|human|bot) (?:check|verification)$|^(?:vercel )?security checkpoint$|^making sure you're not a bot!$|^are you (?:a robot|human)\??$|^please wait\.*$|^verify(?:ing)? you are human\.*$|^ddos-guard$|^request unsuccessful\.?$|^captcha$/i;

const CHALLENGE_TEXT =
  /enable javascript and cookies to continue|verif(?:y|ying) (?:that )?you are (?:a )?(?:human|not a (?:ro)?bot)|checking (?:if the site connection is secure|your browser)|unusual traffic from your computer|please enable js and disable any ad blocker|press (?:&|and) hold to confirm|you have been blocked|you don't have permission to access|request unsuccessful\. incapsula|powered and protected by|review the security of your connection|something about your browser made us think|not a robot/i;

/** Hosts that only ever ask for consent. */
const CONSENT_HOST =
  /^consent\.(?:google\.[a-z.]{2,6}|youtube\.com|yahoo\.com|aol\.com)$|^guce\.[a-z.]{4,40}$|^(?:myprivacy|privacy)\.dpgmedia\.(?:nl|be)$|^cmp-consent-tool\./;
const CONSENT_MARKS =
  /consent\.(?:google|youtube|yahoo)\.|privacy-mgmt\.com|sourcepoint|cdn\.cookielaw\.org|onetrust|didomi|usercentrics|consentmanager\.net|cookiebot|quantcast\.mgr|cmp\.quantcast|trustarc|iubenda|fundingchoicesmessages|axeptio|sirdata|dpgmedia/i;
const CONSENT_TITLE =
  /^before you continue\b|^bevor (?:sie|du) (?:zu |fortf)|^avant (?:d'accéder|de continuer)|^antes de (?:continuar|ir)|^prima di continuare|^voordat je (?:verder|doorgaat)|\bprivacy gate\b|^(?:we value )?your privacy(?: choices| settings)?$|^cookie[- ](?:consent|settings|wall|einstellungen|zustimmung)|^(?:privatsphäre|datenschutz)[- ]?(?:einstellungen|center)|^consent$/i;
const CONSENT_TEXT =
  /\b(?:accept|reject|allow) all\b|alle[sn]? (?:akzeptieren|ablehnen)|tout (?:accepter|refuser)|aceptar todo|accetta tutto|we and our (?:\d+ )?partners|wir und unsere (?:\d+ )?partner|nos partenaires/i;

const LOGIN_URL =
  /\/(?:log-?in|sign-?in|sign_in|sso|authwall|uas\/login|session\/new|users\/sign_in|accounts?\/(?:login|signin)|wp-login\.php|oauth2?|auth|checkpoint\/lg|anmelden|connexion)(?:[/.?#]|$)|servicelogin/i;
const LOGIN_TITLE =
  /^(?:log ?in|sign ?in|login required|please (?:log|sign) in|anmelden|anmeldung|einloggen|se connecter|connexion|iniciar sesión|accedi|inloggen|войти)\b|(?:[|\-–—·•:,]\s+|\bor )(?:log ?in|sign ?in|log in or sign up|anmelden|se connecter)$/i;
const LOGIN_TEXT =
  /you (?:must|need to|have to) (?:be logged in|log ?in|sign ?in)|(?:log|sign) in to (?:continue|view|see|your account)|forgot(?:ten)? (?:your )?password|passwort vergessen|mot de passe oublié/i;

/** A wall has little to read; these many characters of text are a page. */
const MOST_WALL_CHARS = 4_000;
const MOST_CONSENT_CHARS = 1_500;

/** How much of one script or address is kept, and of all of them, characters. */
const CODE_CHARS = 1_024;
const MOST_CODE_CHARS = 12_288;

export interface WallQuestion {
  readonly title: string | undefined;
  readonly pageUrl: string;
  /** What was asked for, before redirects. */
  readonly requestedUrl: string;
  /** The page describes itself: OpenGraph, a canonical address, an article in JSON-LD. */
  readonly describesItself: boolean;
  readonly isArticle: boolean;
}

/**
 * Recognises pages that stand before the page: challenges, consent, login. One sign is never enough: an article may be
 * called "Just a moment", and half the web loads the scripts of a captcha.
 */
export class WallSignals {
  private code = '';
  private consentForm = false;
  private password = false;
  private noindex = false;
  private text = '';
  private chars = 0;

  /** Whether more visible text would change nothing. */
  get hasText(): boolean {
    return this.chars > MOST_WALL_CHARS;
  }

  /** An address of a script, frame or form, the beginning of a script. */
  sawCode(code: string): void {
    if (this.code.length < MOST_CODE_CHARS) this.code = `${this.code}\n${code.slice(0, CODE_CHARS)}`;
  }

  sawForm(action: string): void {
    this.sawCode(action);
    this.consentForm ||= /\/(?:save|v2\/collectconsent|consent)\b/i.test(action) && /consent/i.test(action);
  }

  sawPassword(): void {
    this.password = true;
  }

  sawRobots(content: string): void {
    this.noindex ||= /noindex/i.test(content);
  }

  sawText(text: string): void {
    const trimmed = text.trim();
    if (trimmed === '' || this.hasText) return;
    this.chars += trimmed.length;
    this.text = `${this.text} ${trimmed}`;
  }

  /** Whether the page might be a wall by its address alone, so that its body has to be looked at. */
  static isSuspicious(title: string | undefined, pageUrl: string): boolean {
    return isLoginUrl(pageUrl) || CONSENT_HOST.test(hostOf(pageUrl)) || LOGIN_TITLE.test(title ?? '');
  }

  judge(question: WallQuestion): 'challenge' | 'consent' | 'login' | undefined {
    if (this.chars > MOST_WALL_CHARS || question.isArticle) return undefined;
    if (this.isConsent(question)) return 'consent';
    if (!question.describesItself && this.isChallenge(question)) return 'challenge';
    return this.isLogin(question) ? 'login' : undefined;
  }

  private isChallenge({ title, pageUrl }: WallQuestion): boolean {
    const named = title !== undefined && CHALLENGE_TITLE.test(title.trim());
    const bare = title === undefined || named || isPlaceholderTitle(title, pageUrl);
    const says = CHALLENGE_TEXT.test(this.text);
    if (CHALLENGE_MARKS.test(this.code)) return bare || says;
    if (WIDGET_MARKS.test(this.code)) return named || (bare && says);
    // Without a mark of a known vendor three signs have to meet.
    return named && says && (this.noindex || this.chars < 600);
  }

  private isConsent({ title, pageUrl, requestedUrl, describesItself }: WallQuestion): boolean {
    const signs = [
      CONSENT_TITLE.test(title?.trim() ?? ''),
      this.consentForm,
      CONSENT_TEXT.test(this.text),
      CONSENT_MARKS.test(this.code),
    ].filter(Boolean).length;
    const host = hostOf(pageUrl);
    if (CONSENT_HOST.test(host) && host !== hostOf(requestedUrl)) return signs >= 1;
    // Served in place it is short; a site's page about privacy is not.
    const isShort = pageUrl !== requestedUrl || this.chars < MOST_CONSENT_CHARS;
    return !describesItself && isShort && signs >= 3;
  }

  private isLogin({ title, pageUrl, requestedUrl }: WallQuestion): boolean {
    // The page of the login itself, or a front door: that is what was asked for.
    if (isLoginUrl(requestedUrl)) return false;
    const { pathname } = new URL(requestedUrl);
    if (pathname === '/' && hostOf(pageUrl) === hostOf(requestedUrl) && !isLoginUrl(pageUrl)) return false;
    const signs = [
      isLoginUrl(pageUrl),
      this.password,
      LOGIN_TITLE.test(title?.trim() ?? ''),
      LOGIN_TEXT.test(this.text),
    ];
    return signs.filter(Boolean).length >= 2 && (signs[0] === true || signs[2] === true);
  }
}

function isLoginUrl(url: string): boolean {
  const { pathname } = new URL(url);
  return LOGIN_URL.test(pathname);
}

const hostOf = (url: string): string => new URL(url).hostname;
