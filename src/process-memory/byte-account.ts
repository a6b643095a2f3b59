/** What one cache or queue holds, as it says itself. Opened by {@link ByteAccounts}; its owner keeps it up to date. */
export class ByteAccount {
  private held = 0;
  private open = true;

  /** @internal Use `ByteAccounts.open`. */
  constructor(
    readonly name: string,
    /** The most that the owner means to hold, bytes. */
    readonly budgetBytes: number,
    private readonly onClose: () => void,
  ) {}

  /** Bytes held now. */
  get usedBytes(): number {
    return this.held;
  }

  /** What is below zero or no number counts as 0: an account never throws on release. */
  set usedBytes(bytes: number) {
    if (this.open) this.held = bytes > 0 ? bytes : 0;
  }

  /** Adds a difference, negative to release; never below 0. */
  add(differenceBytes: number): void {
    this.usedBytes = this.held + differenceBytes;
  }

  /** Counts no more; the name is free again. Calling it twice is harmless. */
  close(): void {
    if (!this.open) return;
    this.held = 0;
    this.open = false;
    this.onClose();
  }
}
