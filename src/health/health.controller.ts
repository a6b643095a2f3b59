import { Controller, Get, Res } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult } from '@nestjs/terminus';
import type { Response } from 'express';
import { Coordination } from './coordination.js';
import { HealthProbes } from './health-probes.js';
import { HealthReport } from './health-report.js';
import { SYSTEM_STATUS_HEADER, systemStatusOf } from './system-status.js';

/** The documentation of Terminus would load all of OpenAPI at start. */
const CHECK = { noCache: true, swaggerDocumentation: false };

/**
 * Health for people and probes, under `/api/health` and under the names that orchestrators expect. `HEAD`
 * works everywhere and `X-System-Status` says the essential.
 */
@Controller()
export class HealthController {
  constructor(
    private readonly report: HealthReport,
    private readonly probes: HealthProbes,
    private readonly coordination: Coordination,
  ) {}

  @Get(['api/health', 'health'])
  @HealthCheck(CHECK)
  full(@Res({ passthrough: true }) response: Response): Promise<HealthCheckResult> {
    this.stamp(response);
    return this.report.full();
  }

  @Get(['api/health/live', 'livez', 'healthz'])
  @HealthCheck(CHECK)
  live(@Res({ passthrough: true }) response: Response): { readonly status: 'ok' } {
    this.stamp(response);
    return { status: 'ok' };
  }

  @Get(['api/health/ready', 'readyz'])
  @HealthCheck(CHECK)
  ready(@Res({ passthrough: true }) response: Response): Promise<HealthCheckResult> {
    this.stamp(response);
    return this.report.ready();
  }

  @Get('api/health/metrics')
  @HealthCheck(CHECK)
  metrics(@Res({ passthrough: true }) response: Response): object {
    this.stamp(response);
    return { limits: this.report.limits(), ...this.coordination.snapshot() };
  }

  private stamp(response: Response): void {
    response.setHeader(SYSTEM_STATUS_HEADER, systemStatusOf(this.probes.status.level()));
  }
}
