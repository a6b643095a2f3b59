/** Settings that cannot be used. `problems` holds one sentence per mistake, each starting with the variable's name. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}
