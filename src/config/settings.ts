import type { VariableName, VariableValues } from './catalogue.js';
import type { MemoryPlan } from './memory-plan.js';

/** Where an effective value came from. */
export type SettingSource = 'default' | 'environment' | 'scaled';

/** The validated settings of one process: every variable by its name, and the memory plan made of them. Frozen. */
export interface Settings {
  readonly values: VariableValues;
  readonly memory: MemoryPlan;
  readonly sources: Readonly<Record<VariableName, SettingSource>>;
}

/** Injection token of {@link Settings}. */
export const SETTINGS = Symbol('SETTINGS');
