import { describe, expect, it } from '@jest/globals';
import { allowedMethods, isExemptTarget, policyOfRoute, ROUTE_POLICIES } from './route-policy.js';

describe('the route table', () => {
  it('names each route once', () => {
    const names = ROUTE_POLICIES.map(({ method, path }) => `${method} ${path}`);

    expect(new Set(names).size).toBe(names.length);
  });

  it('guards every write, and exempts open reads only', () => {
    const openWrites = ROUTE_POLICIES.filter(({ method, access }) => method !== 'GET' && access !== 'token');
    const guardedOrWritingExempt = ROUTE_POLICIES.filter(
      ({ exempt, method, access }) => exempt && (method !== 'GET' || access !== 'open'),
    );

    expect(openWrites).toEqual([]);
    expect(guardedOrWritingExempt).toEqual([]);
  });

  it('exempts nothing but health', () => {
    const exempt = ROUTE_POLICIES.filter((policy) => policy.exempt).map(({ path }) => path);

    expect(
      exempt.filter(
        (path) => !/^\/(api\/health(\/(live|ready|metrics))?|health|livez|readyz|healthz)$/.test(path),
      ),
    ).toEqual([]);
  });

  it('finds the policy of a HEAD under its GET', () => {
    expect(policyOfRoute('HEAD', '/api/images')).toBe(policyOfRoute('GET', '/api/images'));
    expect(policyOfRoute('PUT', '/api/images')).toBeUndefined();
  });

  it.each([
    ['/api/images', ['GET', 'HEAD', 'POST']],
    ['/api/images/', ['GET', 'HEAD', 'POST']],
    ['/api/images/abc', ['DELETE', 'GET', 'HEAD']],
    ['/api/images/abc/metadata', ['GET', 'HEAD']],
    ['/api/images/a/b/c', []],
    ['/api', []],
  ])('allows under %s: %j', (path, methods) => {
    expect(allowedMethods(path)).toEqual(methods);
  });
});

describe('an exempt target', () => {
  it.each([
    '/api/health',
    '/api/health/',
    '/api/health?x=1',
    '/health',
    '/livez',
    '/readyz',
    '/healthz',
    '/api/health/live',
  ])('is %s', (target) => expect(isExemptTarget(target)).toBe(true));

  it.each([
    '/',
    '',
    '/api/healthX',
    '/api/health//',
    '//health',
    '/api/health%20',
    '/HEALTH',
    '/health#',
    'http://h/health',
    '*',
  ])('is not %s', (target) => expect(isExemptTarget(target)).toBe(false));
});
