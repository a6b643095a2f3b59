import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { BackgroundTasks } from '../async-ops/index.js';
import { AbortedError } from '../errors/index.js';
import { DiagnosisSignal } from './diagnosis-signal.js';
import type { DiagnosisReport, HeapDiagnosis } from './heap-diagnosis.js';

describe('SIGUSR2', () => {
  function start(run: (trigger: string) => Promise<DiagnosisReport>): {
    readonly signals: EventEmitter;
    readonly tasks: BackgroundTasks;
    readonly signal: DiagnosisSignal;
  } {
    const signals = new EventEmitter();
    const tasks = new BackgroundTasks(new FakeClock());
    return {
      signals,
      tasks,
      signal: new DiagnosisSignal(signals, tasks, { run } as unknown as HeapDiagnosis),
    };
  }

  it('asks for a diagnosis from the start until the shutdown', async () => {
    const triggers: string[] = [];
    const { signals, tasks, signal } = start((trigger) => {
      triggers.push(trigger);
      return Promise.resolve({} as DiagnosisReport);
    });
    expect(signals.listenerCount('SIGUSR2')).toBe(0);

    signal.onApplicationBootstrap();
    signals.emit('SIGUSR2');
    await tasks.settled(0);

    expect(triggers).toEqual(['SIGUSR2']);
    signal.onApplicationShutdown();
    expect(signals.listenerCount('SIGUSR2')).toBe(0);
  });

  it('outlives a diagnosis that fails', async () => {
    const { signals, tasks, signal } = start(() => Promise.reject(new AbortedError()));
    signal.onApplicationBootstrap();

    signals.emit('SIGUSR2');
    await new Promise((resolve) => setImmediate(resolve));

    expect(tasks.snapshot()).toMatchObject({ started: 1, running: 0 });
    signal.onApplicationShutdown();
  });
});
