import { isUtf8 } from 'node:buffer';
import {
  mixin,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { json, type Request, type Response } from 'express';
import type { Observable } from 'rxjs';
import { PlimsollError } from '../../errors/index.js';

/** The largest body of these routes, bytes: a thousand operations of a kilobyte, or a note of its longest. */
const MAX_BODY_BYTES = 1_048_576;

/**
 * Reads a JSON body for the routes that want one: the server has no body parser, because uploads are streams. Behind
 * the guard, so that nothing is read for strangers; before the pipe that validates.
 */
export function JsonBody(...types: readonly string[]): Type<NestInterceptor> {
  const accepted = types.length === 0 ? ['application/json'] : [...types];
  class JsonBodyInterceptor implements NestInterceptor {
    private readonly parse = json({
      limit: MAX_BODY_BYTES,
      inflate: false,
      strict: false,
      type: () => true,
      verify: (_request, _response, bytes) => assertUtf8(bytes),
    });

    /**
     * @throws PlimsollError `unsupported-media-type`, `invalid-body` without a body, and what the parser throws: too
     *   large, not JSON
     */
    async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      const http = context.switchToHttp();
      const request = http.getRequest<Request>();
      if (request.headers['content-type'] === undefined && !hasBody(request)) throw missing(accepted);
      if (request.is(accepted) === false) {
        throw new PlimsollError(
          'unsupported-media-type',
          `This route takes JSON with the header "Content-Type: ${accepted.join('" or "')}".`,
        );
      }
      await new Promise<void>((resolve, reject) => {
        this.parse(request, http.getResponse<Response>(), (error?: unknown) =>
          error === undefined ? resolve() : reject(error as Error),
        );
      });
      if (request.body === undefined) throw missing(accepted);
      return next.handle();
    }
  }
  return mixin(JsonBodyInterceptor);
}

/** The decoder would put U+FFFD in the place of what it cannot read: somebody's text would be changed without a word. */
function assertUtf8(bytes: Buffer): void {
  if (!isUtf8(bytes)) throw new PlimsollError('invalid-body', 'The body must be UTF-8.');
}

/** RFC 9112, section 6.3: a request without either header has no body. */
const hasBody = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const missing = (accepted: readonly string[]): PlimsollError =>
  new PlimsollError(
    'invalid-body',
    `This route takes a JSON body of at most ${MAX_BODY_BYTES} bytes with the header "Content-Type: ${accepted[0]}".`,
  );
