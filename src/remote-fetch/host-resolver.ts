export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Names to addresses. Tests replace it; nothing else in this room asks the DNS. */
export interface HostResolver {
  /** Every address of the name; rejects with the platform's error when there is none. */
  resolve(hostname: string): Promise<readonly HostAddress[]>;
}

/** Injection token of the {@link HostResolver}. */
export const HOST_RESOLVER = Symbol('HOST_RESOLVER');
