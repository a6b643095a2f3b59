export { EventBus, type EventBusSnapshot, type EventListener } from './event-bus.js';
export {
  EVENT_NAMES,
  type DisposeReason,
  type EventMap,
  type EventName,
  type EventPayload,
  type MemoryFigures,
  type MemoryLevel,
  type RejectReason,
} from './event-map.js';
export { EventsModule } from './events.module.js';
