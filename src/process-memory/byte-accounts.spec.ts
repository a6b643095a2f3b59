import { describe, expect, it } from '@jest/globals';
import { ByteAccounts } from './byte-accounts.js';

describe('ByteAccounts', () => {
  it('sums what all open accounts hold', () => {
    const accounts = new ByteAccounts();
    const images = accounts.open('images', 1_000);
    const server = accounts.open('server', 500);
    images.usedBytes = 300;
    server.add(120);
    server.add(-20);

    expect(accounts.totalUsedBytes).toBe(400);
    expect(accounts.snapshot()).toEqual({
      usedBytes: 400,
      budgetBytes: 1_500,
      accounts: {
        images: { usedBytes: 300, budgetBytes: 1_000 },
        server: { usedBytes: 100, budgetBytes: 500 },
      },
    });
  });

  it('refuses a name that is open, and takes it again once it is closed', () => {
    const accounts = new ByteAccounts();
    const first = accounts.open('images', 1_000);
    first.usedBytes = 10;

    expect(() => accounts.open('images', 1)).toThrow('The byte account "images" is open already.');
    first.close();
    const second = accounts.open('images', 1);
    first.close();
    first.usedBytes = 99;

    expect(second.usedBytes).toBe(0);
    expect(accounts.snapshot().accounts).toEqual({ images: { usedBytes: 0, budgetBytes: 1 } });
    expect(first.usedBytes).toBe(0);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a budget of %d bytes', (budgetBytes) => {
    expect(() => new ByteAccounts().open('images', budgetBytes)).toThrow(`got ${budgetBytes}`);
  });

  it.each([-5, Number.NaN])('counts %d bytes as none', (bytes) => {
    const accounts = new ByteAccounts();
    const account = accounts.open('images', 1_000);
    account.usedBytes = 10;

    account.usedBytes = bytes;

    expect(accounts.totalUsedBytes).toBe(0);
  });

  it('never falls below zero when more is released than was held', () => {
    const account = new ByteAccounts().open('images', 1_000);
    account.add(10);

    account.add(-11);

    expect(account.usedBytes).toBe(0);
  });
});
