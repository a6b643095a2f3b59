import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SETTINGS, type Settings } from '../../config/index.js';
import { ExportService } from './export/export.service.js';
import { ImportService, type ReceiveFile } from './import/import.service.js';
import { receiveImport } from './import/receive-import.js';
import { toFilter } from '../service/list-filter.js';
import { EXPORT_QUERY, IMPORT_QUERY, type ExportQuery, type ImportQuery } from './transfer-query.js';

/** A person's own data: kept by nobody in between. */
const PRIVATE = 'private, no-cache';

/** Bookmarks in from a file, and out into one. */
@Controller('bookmarks')
export class TransferController {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly imports: ImportService,
    private readonly exports: ExportService,
  ) {}

  /** 202 with the operation once the file is durable; a dry run answers 200 when it has read to the end. */
  @Post('import')
  async import(
    @Req() request: Request,
    @Res() response: Response,
    @Query({ schema: IMPORT_QUERY }) { dryRun, ...options }: ImportQuery,
  ): Promise<void> {
    const signal = goneSignal(response);
    const { IMPORT_MAX_BYTES: maxBytes } = this.settings.values;
    const receive: ReceiveFile = (sink, onHints) =>
      receiveImport(request, request.headers, sink, maxBytes, onHints, signal);
    response.setHeader('Cache-Control', PRIVATE);
    if (dryRun) {
      response.status(200).json(await this.imports.dryRun(receive, options, signal));
      return;
    }
    const { operationId, importId, format, bytes } = await this.imports.start(receive, options);
    const operation = `/api/operations/${operationId}`;
    response.status(202).setHeader('Location', operation);
    response.json({
      id: importId,
      operation,
      report: `/api/bookmarks/imports/${importId}/report`,
      format,
      bytes,
    });
  }

  /** JSON lines of what was skipped, cut, merged or failed, as far as the import has come. */
  @Get('imports/:id/report')
  async report(@Param('id') id: string, @Res() response: Response): Promise<void> {
    const report = await this.imports.report(id);
    response.setHeader('Cache-Control', PRIVATE);
    response.setHeader('Content-Type', 'application/x-ndjson; charset=utf-8');
    await send(report, response);
  }

  @Get('export')
  async export(
    @Req() request: Request,
    @Res() response: Response,
    @Query({ schema: EXPORT_QUERY }) { format, ...query }: ExportQuery,
  ): Promise<void> {
    const base =
      this.settings.values.PUBLIC_URL ?? `${request.protocol}://${request.get('host') ?? 'localhost'}`;
    const self = new URL(request.originalUrl, base).href;
    const { contentType, fileName, pieces } = await this.exports.open(format, toFilter(query), self);
    response.setHeader('Cache-Control', PRIVATE);
    response.setHeader('Content-Type', contentType);
    const shown = format === 'atom' ? 'inline' : 'attachment';
    response.setHeader('Content-Disposition', `${shown}; filename="${fileName}"`);
    // a file of somebody's pages is opened from here: nothing in it may run as ours
    response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
    response.setHeader('X-Content-Type-Options', 'nosniff');
    await send(Readable.from(pieces, { objectMode: false }), response);
  }
}

/** Aborts when the client goes away before it has its answer. */
function goneSignal(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  return controller.signal;
}

/** Once bytes have left, the only way to tell of a fault is to break off; a client that left is no fault. */
async function send(source: Readable, response: Response): Promise<void> {
  try {
    await pipeline(source, response);
  } catch (error) {
    if (!response.headersSent) throw error;
    if (!response.destroyed) response.destroy();
  }
}
