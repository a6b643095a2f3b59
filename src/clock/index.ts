export { CLOCK, type Cancel, type Clock } from './clock.js';
export { ClockModule } from './clock.module.js';
export { SystemClock } from './system-clock.js';
