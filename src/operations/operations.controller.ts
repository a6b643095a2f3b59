import { Controller, Delete, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import type { JobEntry, RunningEntry } from './operation-views.js';
import { OPERATIONS_QUERY, type OperationsQuery } from './operations-query.js';
import { OperationsService, type OperationsPage } from './operations.service.js';

const NO_STORE = ['Cache-Control', 'no-store'] as const;

/** Background and running operations, under `/api/operations`. */
@Controller('operations')
export class OperationsController {
  constructor(private readonly operations: OperationsService) {}

  @Get()
  @Header(...NO_STORE)
  list(@Query({ schema: OPERATIONS_QUERY }) query: OperationsQuery): Promise<OperationsPage> {
    return this.operations.list(query);
  }

  @Get(':id')
  @Header(...NO_STORE)
  find(@Param('id') id: string): Promise<JobEntry | RunningEntry> {
    return this.operations.find(id);
  }

  @Delete(':id')
  @HttpCode(202)
  @Header(...NO_STORE)
  cancel(@Param('id') id: string): Promise<JobEntry> {
    return this.operations.cancel(id);
  }

  @Post(':id/retry')
  @HttpCode(202)
  @Header(...NO_STORE)
  retry(@Param('id') id: string): Promise<JobEntry> {
    return this.operations.retry(id);
  }
}
