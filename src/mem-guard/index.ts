export { MemGuardModule } from './mem-guard.module.js';
export { MemGuard, type GuardCheck, type GuardSnapshot, type GuardVerdict } from './mem-guard.js';
