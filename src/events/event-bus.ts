import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { CLOCK, type Cancel, type Clock } from '../clock/index.js';
import type { EventMap, EventName, EventPayload } from './event-map.js';

/** Longest an asynchronous listener may run before it is counted as hanging (chosen: one poll of a health probe). */
const LISTENER_BUDGET_MS = 1_000;

export type EventListener<K extends EventName> = (payload: EventPayload<K>) => void | Promise<void>;

export interface EventBusSnapshot {
  readonly emitted: Readonly<Partial<Record<EventName, number>>>;
  readonly listenerErrors: number;
  readonly listenerTimeouts: number;
  readonly listeners: number;
}

/**
 * The typed bus between rooms, on `@nestjs/event-emitter`. Listeners run inside `emit`, in order of
 * registration, up to their first `await`. A listener that throws, rejects or hangs harms nobody: it is
 * caught, logged and counted, and the next one runs. Listeners attach from `onApplicationBootstrap` on;
 * what is emitted earlier reaches nobody.
 */
@Injectable()
export class EventBus implements OnApplicationShutdown {
  private readonly logger = new Logger(EventBus.name);
  private readonly emitted: Partial<Record<EventName, number>> = {};
  private readonly wrapped = new Map<symbol, () => void>();
  private readonly budgets = new Set<Cancel>();
  private epoch = 0;
  private listenerErrors = 0;
  private listenerTimeouts = 0;

  constructor(
    private readonly emitter: EventEmitter2,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Sends an event; returns the stamped payload. Never throws. */
  emit<K extends EventName>(name: K, payload: EventMap[K]): EventPayload<K> {
    const stamped = Object.freeze({
      ...payload,
      at: this.clock.now(),
      epoch: ++this.epoch,
    }) as unknown as EventPayload<K>;
    this.emitted[name] = (this.emitted[name] ?? 0) + 1;
    this.emitter.emit(name, stamped);
    return stamped;
  }

  /**
   * Listens until the returned function is called. `owner` names the listener in logs. A listener that frees
   * memory must be synchronous and idempotent.
   */
  on<K extends EventName>(name: K, owner: string, listener: EventListener<K>): () => void {
    const guarded = (payload: EventPayload<K>): void => this.run(name, owner, listener, payload);
    const id = Symbol(owner);
    const off = (): void => {
      this.emitter.off(name, guarded as never);
      this.wrapped.delete(id);
    };
    this.emitter.on(name, guarded as never);
    this.wrapped.set(id, off);
    return off;
  }

  snapshot(): EventBusSnapshot {
    return {
      emitted: { ...this.emitted },
      listenerErrors: this.listenerErrors,
      listenerTimeouts: this.listenerTimeouts,
      listeners: this.wrapped.size,
    };
  }

  onApplicationShutdown(): void {
    for (const off of [...this.wrapped.values()]) off();
    for (const cancel of this.budgets) cancel();
    this.budgets.clear();
  }

  private run<K extends EventName>(
    name: K,
    owner: string,
    listener: EventListener<K>,
    payload: EventPayload<K>,
  ): void {
    try {
      const result = listener(payload);
      if (result instanceof Promise) this.watch(name, owner, result);
    } catch (error) {
      this.fail(name, owner, error);
    }
  }

  private watch(name: EventName, owner: string, result: Promise<void>): void {
    const cancelTimer = this.clock.after(LISTENER_BUDGET_MS, () => {
      this.budgets.delete(cancelTimer);
      this.listenerTimeouts += 1;
      this.logger.warn(`Listener ${owner} of ${name} still runs after ${LISTENER_BUDGET_MS} ms.`);
    });
    this.budgets.add(cancelTimer);
    const done = (): void => {
      cancelTimer();
      this.budgets.delete(cancelTimer);
    };
    result.then(done, (error: unknown) => {
      done();
      this.fail(name, owner, error);
    });
  }

  private fail(name: EventName, owner: string, error: unknown): void {
    this.listenerErrors += 1;
    this.logger.error(
      `Listener ${owner} of ${name} failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
