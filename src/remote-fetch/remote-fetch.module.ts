import { Global, Module } from '@nestjs/common';
import { HOST_RESOLVER } from './host-resolver.js';
import { RemoteFetcher } from './remote-fetcher.js';
import { SystemHostResolver } from './system-host-resolver.js';

/** The guarded HTTP client. Uses `config`, `clock`, `errors` and the byte accounts of `process-memory`. */
@Global()
@Module({
  providers: [RemoteFetcher, { provide: HOST_RESOLVER, useClass: SystemHostResolver }],
  exports: [RemoteFetcher],
})
export class RemoteFetchModule {}
