import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { json, type Request, type Response } from 'express';
import type { Observable } from 'rxjs';
import { PlimsollError } from '../errors/index.js';

/** The largest body that an admin route takes. */
const MAX_BODY_BYTES = 1_024;

/**
 * Reads a JSON body for the one route that wants one: the server has no body parser, because uploads are streams.
 * Behind the guard, so that nothing is read for strangers; before the pipe that validates.
 */
@Injectable()
export class JsonBodyInterceptor implements NestInterceptor {
  private readonly parse = json({ limit: MAX_BODY_BYTES, inflate: false });

  /** @throws PlimsollError `invalid-body` without a JSON body, and what the parser throws: too large, not JSON. */
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    await new Promise<void>((resolve, reject) => {
      this.parse(request, http.getResponse<Response>(), (error?: unknown) =>
        error === undefined ? resolve() : reject(error as Error),
      );
    });
    if (request.body === undefined) {
      throw new PlimsollError(
        'invalid-body',
        `This route takes JSON of at most ${MAX_BODY_BYTES} bytes with the header "Content-Type: application/json".`,
      );
    }
    return next.handle();
  }
}
