import { policyOfRoute } from './route-policy.js';

export interface RegisteredRoute {
  /** Upper case; never `HEAD`, which comes with `GET`. */
  readonly method: string;
  /** With prefix, as the router knows it. */
  readonly pattern: string;
}

/** Ours are registered with one method each. */
const MOST_METHODS = 8;

interface RouterLayer {
  readonly route?: {
    readonly path: string | readonly string[];
    readonly methods: Readonly<Record<string, boolean>>;
  };
}

/**
 * Every route of an Express application, except those for every method there is: with them the frame answers
 * "not found". A controller that took every method would be refused by the access guard.
 */
export function registeredRoutes(express: {
  readonly router: { readonly stack: readonly unknown[] };
}): RegisteredRoute[] {
  return (express.router.stack as readonly RouterLayer[]).flatMap(({ route }) => {
    if (route === undefined || Object.keys(route.methods).length > MOST_METHODS) return [];
    const patterns = typeof route.path === 'string' ? [route.path] : route.path;
    const methods = Object.keys(route.methods).map((method) => method.toUpperCase());
    return patterns.flatMap((pattern) => methods.map((method) => ({ method, pattern })));
  });
}

/** @throws Error that names each registered route without a policy: nobody decided who may call it and whether it is shed. */
export function assertRoutesHavePolicies(routes: readonly RegisteredRoute[]): void {
  const missing = routes.filter(({ method, pattern }) => policyOfRoute(method, pattern) === undefined);
  if (missing.length === 0) return;
  const names = missing.map(({ method, pattern }) => `${method} ${pattern}`).join(', ');
  throw new Error(`Routes without an entry in src/http/route-policy.ts: ${names}.`);
}
