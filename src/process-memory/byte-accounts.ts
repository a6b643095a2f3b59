import { Injectable } from '@nestjs/common';
import { ByteAccount } from './byte-account.js';

export interface ByteAccountFigures {
  readonly usedBytes: number;
  readonly budgetBytes: number;
}

export interface ByteAccountsSnapshot {
  readonly usedBytes: number;
  readonly budgetBytes: number;
  readonly accounts: Readonly<Record<string, ByteAccountFigures>>;
}

/**
 * The caches of all rooms by name, so that admission can count caches of rooms that it may not import. Every cache
 * and every queue of bytes opens one account.
 */
@Injectable()
export class ByteAccounts {
  private readonly accounts = new Map<string, ByteAccount>();

  /**
   * Opens an account. `budgetBytes` is the most the owner means to hold; it is shown, not enforced.
   *
   * @throws Error when the name is open already or the budget is not a size: a fault of the program.
   */
  open(name: string, budgetBytes: number): ByteAccount {
    if (this.accounts.has(name)) throw new Error(`The byte account "${name}" is open already.`);
    if (!Number.isFinite(budgetBytes) || budgetBytes < 0) {
      throw new Error(`The byte account "${name}" needs a budget of 0 or more bytes, got ${budgetBytes}.`);
    }
    const account = new ByteAccount(name, budgetBytes, () => this.accounts.delete(name));
    this.accounts.set(name, account);
    return account;
  }

  /** Bytes of all open accounts. Summed on each call, so that it cannot drift. */
  get totalUsedBytes(): number {
    let totalBytes = 0;
    for (const account of this.accounts.values()) totalBytes += account.usedBytes;
    return totalBytes;
  }

  snapshot(): ByteAccountsSnapshot {
    const accounts: Record<string, ByteAccountFigures> = {};
    let budgetBytes = 0;
    for (const account of this.accounts.values()) {
      accounts[account.name] = { usedBytes: account.usedBytes, budgetBytes: account.budgetBytes };
      budgetBytes += account.budgetBytes;
    }
    return { usedBytes: this.totalUsedBytes, budgetBytes, accounts };
  }
}
