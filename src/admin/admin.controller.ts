import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  UseInterceptors,
} from '@nestjs/common';
import { PlimsollError } from '../errors/index.js';
import { HeapDiagnosis, type DiagnosisFile, type RefusedSnapshot } from '../health-monitor/index.js';
import { GarbageCollector, type GarbageCollection } from '../process-memory/index.js';
import { AdminCaches, type FreedBytes } from './admin-caches.js';
import { AuditInterceptor } from './audit.interceptor.js';
import { DRILL_ORDER, type DrillOrder } from './drill-order.js';
import { Drills, type DrillView } from './drills.js';
import { JsonBodyInterceptor } from './json-body.interceptor.js';

const NO_STORE = ['Cache-Control', 'no-store'] as const;

/** For operators, under `/api/admin`. Answered at every memory level. */
@Controller('admin')
@UseInterceptors(AuditInterceptor)
export class AdminController {
  constructor(
    private readonly caches: AdminCaches,
    private readonly drills: Drills,
    private readonly garbage: GarbageCollector,
    private readonly diagnosis: HeapDiagnosis,
  ) {}

  @Get('caches')
  @Header(...NO_STORE)
  showCaches(): object {
    return this.caches.overview();
  }

  @Delete('caches/:cache')
  @Header(...NO_STORE)
  clearCache(@Param('cache') cache: string): { readonly freedBytes: FreedBytes } {
    return { freedBytes: this.caches.clear(cache) };
  }

  @Post('gc')
  @HttpCode(200)
  @Header(...NO_STORE)
  collectGarbage(): GarbageCollection {
    const ran = this.garbage.run('admin');
    const { last } = this.garbage.snapshot();
    if (!ran || last === null) throw new PlimsollError('internal-error', 'Garbage could not be collected.');
    return last;
  }

  @Get('drills')
  @Header(...NO_STORE)
  showDrill(): DrillView {
    return this.drills.current();
  }

  @Post('drills')
  @HttpCode(200)
  @Header(...NO_STORE)
  @UseInterceptors(JsonBodyInterceptor)
  beginDrill(@Body({ schema: DRILL_ORDER }) order: DrillOrder): DrillView {
    return this.drills.begin(order);
  }

  @Delete('drills')
  @Header(...NO_STORE)
  endDrill(): DrillView {
    return this.drills.end();
  }

  @Post('heap-snapshots')
  @HttpCode(202)
  @Header(...NO_STORE)
  async diagnoseHeap(): Promise<{ readonly file: DiagnosisFile }> {
    const report = await this.diagnosis.run('admin');
    if (report.kind === 'statistics') throw refused(report);
    return { file: report.file };
  }
}

/** The figures that a problem can bear; all of them are in the file. */
function refused({ reason, refusal, file, figures, statistics }: RefusedSnapshot): PlimsollError {
  const { level, lineBytes, rssBytes, reservedBytes, heapUsedBytes } = figures;
  return new PlimsollError('snapshot-refused', reason, {
    details: {
      ...statistics.heap,
      reason: refusal,
      statisticsFile: file.name,
      level,
      lineBytes,
      rssBytes,
      reservedBytes,
      heapUsedBytes,
      cacheBytes: statistics.caches.usedBytes,
    },
  });
}
