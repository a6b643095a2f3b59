import {
  Catch,
  HttpException,
  Logger,
  NotFoundException,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, Response } from 'express';
import { isAbort, isPlimsollError } from '../errors/index.js';
import { DrainState } from '../health/index.js';
import { sendProblem } from './problem.js';
import { factsOf, pathOf } from './request-facts.js';
import { allowedMethods } from './route-policy.js';
import { toProblem } from './to-problem.js';

/**
 * The one place where an error becomes an answer: `application/problem+json` with a stable code. Nothing
 * inner leaves: an unknown error is `internal-error` with the request id, and the log has the rest.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('http');

  constructor(private readonly drain: DrainState) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<Request>(), http.getResponse<Response>());
  }

  private answer(error: unknown, request: Request, response: Response): void {
    if (response.headersSent || response.destroyed) {
      this.giveUp(error, request, response);
      return;
    }
    const terminus = terminusBody(error);
    if (terminus !== undefined) {
      sendHealth(response, terminus);
      return;
    }
    if (error instanceof NotFoundException) {
      answerNotFound(request, response);
      return;
    }

    const { problem, isFault } = toProblem(error, factsOf(request).id, this.drain.isDraining);
    if (isFault) this.logFault(error, request);
    sendProblem(request, response, problem);
  }

  /** The answer has begun, or the client is gone: only cutting the connection tells the truth. */
  private giveUp(error: unknown, request: Request, response: Response): void {
    const clientLeft = response.destroyed || request.socket.destroyed;
    if (!response.writableFinished) request.socket.destroy();
    if (clientLeft || isAbort(error)) return;
    this.logFault(error, request);
  }

  private logFault(error: unknown, request: Request): void {
    const facts = factsOf(request);
    const inner = isPlimsollError(error) ? (error.logMessage ?? causeOf(error)) : undefined;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.logger.error({
      message: text,
      requestId: facts.id,
      method: request.method,
      path: pathOf(request.originalUrl),
      inner,
      stack: error instanceof Error ? error.stack : undefined,
    });
  }
}

function causeOf(error: Error): string | undefined {
  return error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : undefined;
}

/** The body that Terminus puts into its own 503: an object with `status` and `details`. */
function terminusBody(error: unknown): object | undefined {
  if (!(error instanceof HttpException) || error.getStatus() !== 503) return undefined;
  const body = error.getResponse();
  return typeof body === 'object' && 'status' in body && 'details' in body ? body : undefined;
}

function sendHealth(response: Response, body: object): void {
  response.setHeader('Cache-Control', 'no-store');
  response.status(503).json(body);
}

/**
 * No route took the request. A path that exists under another method is 405 with `Allow`, not 404. Only the
 * frame throws `NotFoundException`; ours say what is missing by their code.
 */
export function answerNotFound(request: IncomingMessage, response: ServerResponse): void {
  const path = pathOf(rawTargetOf(request));
  const method = request.method ?? 'GET';
  const methods = allowedMethods(path);
  if (methods.length === 0 || methods.includes(method)) {
    sendProblem(request, response, {
      code: 'route-not-found',
      detail: `There is no route ${method} ${path}.`,
    });
    return;
  }
  const allow = methods.join(', ');
  if (method === 'OPTIONS') {
    response.writeHead(204, { Allow: allow }).end();
    return;
  }
  sendProblem(request, response, {
    code: 'method-not-allowed',
    detail: `${method} is not allowed here; allowed: ${allow}.`,
    headers: { Allow: allow },
  });
}

/** Express rewrites `url` under a mounted prefix and keeps the whole in `originalUrl`. */
function rawTargetOf(request: IncomingMessage): string {
  return 'originalUrl' in request && typeof request.originalUrl === 'string'
    ? request.originalUrl
    : (request.url ?? '/');
}
