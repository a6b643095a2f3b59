/** Counts uncached image work by client. */
export interface ClientQuota {
  /**
   * Takes one unit from the client's share.
   *
   * @throws PlimsollError `too-many-requests`, with the seconds to wait.
   */
  charge(clientId: string): Promise<void> | void;
}

/** Injection token of the {@link ClientQuota}; the composition root provides it. */
export const CLIENT_QUOTA = Symbol('CLIENT_QUOTA');
