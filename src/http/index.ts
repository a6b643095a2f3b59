export { ClientRateLimit } from './client-rate-limit.js';
export { createApp, type AppExtras } from './create-app.js';
export { HIT_LOOKUP, type HitLookup } from './hit-lookup.js';
export { HttpModule } from './http.module.js';
export { MemoryHitsModule } from './memory-hits.module.js';
export { createLogger, PinoLogger } from './pino-logger.js';
export { PressureGate, type GateSnapshot } from './pressure-gate.js';
export { PROBLEM_CATALOGUE, type ProblemKind } from './problem-catalogue.js';
export { QuotaModule } from './quota.module.js';
export { registeredRoutes, type RegisteredRoute } from './registered-routes.js';
export { startServer } from './start-server.js';
export {
  ROUTE_POLICIES,
  isExemptTarget,
  policyOfRoute,
  type RouteAccess,
  type RoutePolicy,
} from './route-policy.js';
export { CANONICAL_QUERY, signUrl, type CanonicalQuery, type SignOptions } from './url-signature.js';
