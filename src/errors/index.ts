export { ERROR_CODES, type ErrorCode } from './error-code.js';
export { PlimsollError, isPlimsollError, type PlimsollErrorOptions } from './plimsoll-error.js';
export {
  AbortedError,
  MemoryBudgetExceededError,
  MemoryPressureError,
  OperationTimeoutError,
  isAbort,
} from './refusal-errors.js';
export { redactUrl } from './redact.js';
