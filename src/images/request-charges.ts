import { Inject, Injectable } from '@nestjs/common';
import { CLIENT_QUOTA, type ClientQuota } from './client-quota.js';
import type { RequestContext } from './request-context.js';

/** Charges clients for uncached work: once for a request, however many of its steps find nothing cached. */
@Injectable()
export class RequestCharges {
  private readonly charged = new WeakSet<RequestContext>();

  constructor(@Inject(CLIENT_QUOTA) private readonly quota: ClientQuota) {}

  /**
   * The server's own work, which has no client, is charged to nobody.
   *
   * @throws PlimsollError `too-many-requests`, with the seconds to wait.
   */
  async charge(context: RequestContext): Promise<void> {
    if (context.clientId === null || this.charged.has(context)) return;
    this.charged.add(context);
    await this.quota.charge(context.clientId);
  }
}
