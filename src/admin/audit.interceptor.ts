import {
  Injectable,
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { tap, type Observable } from 'rxjs';
import { isPlimsollError } from '../errors/index.js';

/** Longest path in a line; ours are short, those of strangers need not be. */
const MAX_PATH_LENGTH = 128;

/** One log line for each action, done or refused, with its outcome. Reads are in the request log like any other. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  private readonly logger = new Logger('admin');

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    if (request.method === 'GET' || request.method === 'HEAD') return next.handle();
    const action = `${request.method} ${request.path.slice(0, MAX_PATH_LENGTH)}`;
    const requestId = http.getResponse<Response>().getHeader('X-Request-Id');
    const write = (outcome: object): void =>
      this.logger.log({ message: 'admin action', action, requestId, client: request.ip, ...outcome });
    return next.handle().pipe(
      tap({
        next: (result: unknown) => write({ outcome: 'done', result }),
        error: (error: unknown) => write({ outcome: isPlimsollError(error) ? error.code : 'failed' }),
      }),
    );
  }
}
