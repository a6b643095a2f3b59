import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { BackgroundTasks } from '../async-ops/index.js';
import { HeapDiagnosis } from './heap-diagnosis.js';

/** Where signals of the system arrive; the process, except in tests. */
export interface SignalSource {
  on(signal: 'SIGUSR2', listener: () => void): unknown;
  off(signal: 'SIGUSR2', listener: () => void): unknown;
}

/** Injection token of the {@link SignalSource}. */
export const SIGNAL_SOURCE = Symbol('SIGNAL_SOURCE');

/**
 * SIGUSR2 asks for a heap diagnosis, for when HTTP does not answer any more. Without a handler the signal would end
 * the process, so it is held until the rooms close.
 */
@Injectable()
export class DiagnosisSignal implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly onSignal = (): void => this.tasks.detach(this.diagnosis.run('SIGUSR2'), 'heap-diagnosis');

  constructor(
    @Inject(SIGNAL_SOURCE) private readonly signals: SignalSource,
    private readonly tasks: BackgroundTasks,
    private readonly diagnosis: HeapDiagnosis,
  ) {}

  onApplicationBootstrap(): void {
    this.signals.on('SIGUSR2', this.onSignal);
  }

  onApplicationShutdown(): void {
    this.signals.off('SIGUSR2', this.onSignal);
  }
}
