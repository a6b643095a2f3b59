import { Global, Module } from '@nestjs/common';
import { CLIENT_QUOTA } from '../images/index.js';
import { ClientRateLimit } from './client-rate-limit.js';

/** Gives `images` the quota that it asks for: global, because `images` lies below and cannot import it. Uses `config`. */
@Global()
@Module({
  providers: [ClientRateLimit, { provide: CLIENT_QUOTA, useExisting: ClientRateLimit }],
  exports: [ClientRateLimit, CLIENT_QUOTA],
})
export class QuotaModule {}
