/**
 * Injection token of a boolean, `true` by default. A test build overrides it with `false`: everything is then granted
 * at once, which must break the memory line and so proves that the load test can fail. No setting reaches it.
 */
export const RESERVATIONS_ENABLED = Symbol('RESERVATIONS_ENABLED');
