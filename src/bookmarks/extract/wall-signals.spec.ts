import { describe, expect, it } from '@jest/globals';
import { extractPage } from './page-extractor.js';

const wall = (
  html: string,
  url = 'https://site.example/article/7',
  requestedUrl?: string,
): string | undefined =>
  extractPage(Buffer.from(html), { url, ...(requestedUrl !== undefined && { requestedUrl }) }).wall;

const TURNSTILE = '<script src="https://challenges.cloudflare.com/turnstile/v0/api.js"></script>';
const RECAPTCHA = '<script src="https://www.google.com/recaptcha/api.js"></script>';
const LONG = '<p>Something to read, sentence after sentence, for quite a while.</p>'.repeat(80);

describe('a challenge', () => {
  it.each([
    ['Cloudflare', `<title>Just a moment...</title><script>window._cf_chl_opt={}</script>`],
    ['Cloudflare in another language', `<title>Einen Moment, bitte...</title>${TURNSTILE}`],
    [
      'a captcha behind the name of the host',
      `<title>site.example</title><p>Verify you are human</p>${RECAPTCHA}`,
    ],
    [
      'Imperva',
      '<html><head><META NAME="robots" CONTENT="noindex,nofollow"><script src="/_Incapsula_Resource?SWJIYLWA=7"></script></head><body></body></html>',
    ],
    ['AWS', '<title>Human Verification</title><script>window.awsWafCookieDomainList = []</script>'],
  ])('of %s is recognised', (_name, html) => {
    expect(wall(html)).toBe('challenge');
  });

  it.each([
    [
      'an article of that name',
      `<title>Just a moment...</title><article><h1>Just a moment...</h1>${LONG}</article>`,
    ],
    [
      'a short article of that name that describes itself',
      '<title>Just a moment</title><link rel="canonical" href="/article/7"><p>Verify you are human</p>',
    ],
    ['a short poem of that name', '<title>Just a moment</title><p>A moment, just, of light.</p>'],
    ['a form with a captcha', `<title>Write to us</title><form action="/send">${RECAPTCHA}</form>`],
    ['a page that quotes one', '<title>What Cloudflare says</title><p>It says: checking your browser.</p>'],
    ['a page without a title and with a captcha', `<p>Write to us</p>${RECAPTCHA}`],
    [
      'a form that asks for a human',
      `<title>Write to us</title><p>Please verify that you are human.</p>${TURNSTILE}`,
    ],
    ['an empty shell', '<title>Loading…</title><div id="root"></div>'],
    ['a plain error page', '<title>Access Denied</title><p>Ask the harbour master.</p>'],
  ])('is not %s', (_name, html) => {
    expect(wall(html)).toBeUndefined();
  });
});

describe('a consent wall', () => {
  it('is what a redirect to a host of consent leads to', () => {
    const page = '<title>Before you continue</title><button>Accept all</button>';

    expect(wall(page, 'https://consent.google.de/ml?continue=x', 'https://www.google.de/maps')).toBe(
      'consent',
    );
    expect(
      wall(page, 'https://consent.google.de.evil.example/ml', 'https://www.google.de/maps'),
    ).toBeUndefined();
  });

  it.each([
    [
      'an article on consent',
      `<title>Cookie consent</title><p>Accept all or reject all?</p>${LONG}<script src="https://cdn.cookielaw.org/x.js"></script>`,
    ],
    [
      'a page with a banner',
      '<title>Sails</title><p>Accept all</p><script src="https://cdn.cookielaw.org/x.js"></script>',
    ],
  ])('is not %s', (_name, html) => {
    expect(wall(html)).toBeUndefined();
  });
});

describe('a login wall', () => {
  const FORM = '<form><input name="u"><input type="password" name="p"></form>';

  it.each([
    [
      'a redirect to a form',
      `<title>Fleet</title>${FORM}`,
      'https://site.example/users/sign_in',
      'https://site.example/boards/1',
    ],
    [
      'a form in place',
      `<title>Sign in - Fleet</title>${FORM}`,
      'https://site.example/boards/1',
      'https://site.example/boards/1',
    ],
    [
      'another host',
      '<title>Sign in to your account</title>',
      'https://login.site.example/oauth2/authorize',
      'https://site.example/boards/1',
    ],
  ])('is recognised: %s', (_name, html, url, requested) => {
    expect(wall(html, url, requested)).toBe('login');
  });

  it.each([
    [
      'the login that was asked for',
      `<title>Sign in</title>${FORM}`,
      'https://site.example/login',
      'https://site.example/login',
    ],
    [
      'a front door',
      `<title>Shoal: log in or sign up</title>${FORM}`,
      'https://site.example/',
      'https://site.example/',
    ],
    [
      'a page with a form in its margin',
      `<title>Moorings</title>${FORM}`,
      'https://site.example/m',
      'https://site.example/m',
    ],
    [
      'a manual of OAuth',
      '<title>OAuth for robots</title>',
      'https://site.example/docs/oauth2/',
      'https://site.example/docs/oauth2',
    ],
    [
      'an article about passwords',
      '<title>Forgot your password?</title><p>You must be logged in, it says.</p>',
      'https://site.example/a',
      'https://site.example/a',
    ],
  ])('is not %s', (_name, html, url, requested) => {
    expect(wall(html, url, requested)).toBeUndefined();
  });
});
