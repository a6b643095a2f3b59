import { Module } from '@nestjs/common';
import { OperationsController } from './operations.controller.js';
import { OperationsService } from './operations.service.js';

/**
 * Shows jobs and what else runs, cancels jobs and tries them again. Uses `jobs` and `async-ops`. Who may call is
 * decided by the table in `http`.
 */
@Module({ controllers: [OperationsController], providers: [OperationsService] })
export class OperationsModule {}
