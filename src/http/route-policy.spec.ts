import { describe, expect, it } from '@jest/globals';
import { allowedMethods, isExemptTarget, policyOfRoute, ROUTE_POLICIES } from './route-policy.js';

describe('the route table', () => {
  it('names each route once', () => {
    const names = ROUTE_POLICIES.map(({ method, path }) => `${method} ${path}`);

    expect(new Set(names).size).toBe(names.length);
  });

  it('guards every write, and exempts open reads and what the admin token guards only', () => {
    const openWrites = ROUTE_POLICIES.filter(
      ({ method, access }) => method !== 'GET' && access !== 'token' && access !== 'admin',
    );
    const guardedOrWritingExempt = ROUTE_POLICIES.filter(
      ({ exempt, method, access }) => exempt && access !== 'admin' && (method !== 'GET' || access !== 'open'),
    );

    expect(openWrites).toEqual([]);
    expect(guardedOrWritingExempt).toEqual([]);
  });

  it('guards everything under /api/admin by the admin token, and exempts it', () => {
    const routes = ROUTE_POLICIES.filter(({ path }) => path.startsWith('/api/admin'));

    expect(routes).toHaveLength(7);
    expect(routes.filter(({ access, exempt }) => access !== 'admin' || !exempt)).toEqual([]);
    expect(ROUTE_POLICIES.filter(({ access }) => access === 'admin')).toEqual(routes);
  });

  it('exempts nothing but health and admin', () => {
    const exempt = ROUTE_POLICIES.filter((policy) => policy.exempt && policy.access !== 'admin').map(
      ({ path }) => path,
    );

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
    ['/api/images/metadata', ['GET', 'HEAD']],
    ['/api/bookmarks/bulk', ['POST']],
    ['/api/bookmarks/karakeep/', ['GET', 'HEAD']],
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
    '/api/admin/gc',
    '/api/admin/caches/image',
    '/api/admin/caches/all/?x=1',
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
    '/api/admin',
    '/api/admin/',
    '/api/admin/caches/image/x',
    '/api/admin/caches/%69mage',
    '/api/admin/caches/..',
    '/api/admin/caches/image\n',
    '/api/Admin/gc',
    '*',
  ])('is not %s', (target) => expect(isExemptTarget(target)).toBe(false));
});
