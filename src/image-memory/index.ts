export { type BufferCacheSnapshot, IMAGE_CACHE_ACCOUNT, type SetOptions } from './buffer-cache.js';
export type { CalibrationFigures } from './calibration-ring.js';
export type { MemoryAction } from './cascade.js';
export { estimateOperationBytes, SMALLEST_ESTIMATE_BYTES } from './cost-model.js';
export type { FreshnessPatch, ImageAttributes, ImageEntry } from './image-entry.js';
export type { ImageHeader, ImageOperation, OutputFormat, SourceFormat } from './image-header.js';
export type { LoadedImage } from './image-loads.js';
export {
  ImageMemoryManager,
  type ImageMemoryMetrics,
  type ImageMemorySnapshot,
} from './image-memory-manager.js';
export { ImageMemoryModule } from './image-memory.module.js';
export { isAtLeast, LEVELS, type LadderCause } from './ladder.js';
export type { Lease, LeaseClass, ReservationRequest } from './lease.js';
export type { HeldLease } from './lease-book.js';
export type { LevelSnapshot } from './pressure-watch.js';
export type { LedgerCounts, LedgerSnapshot } from './reservation-ledger.js';
export { RESERVATIONS_ENABLED } from './reservations-enabled.js';
export {
  type FlightOptions,
  type FlightResult,
  SingleFlight,
  type SingleFlightSnapshot,
} from './single-flight.js';
