import { Inject, Injectable, type INestApplication } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { SETTINGS, type Settings } from '../config/index.js';
import { ERROR_CODES } from '../errors/index.js';
import { PARAMETERS } from '../images/index.js';
import { PROBLEM_MEDIA_TYPE } from './problem.js';
import { policyOfRoute, type RoutePolicy } from './route-policy.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** RFC 9457 with our members. */
const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(ERROR_CODES) },
    instance: { type: 'string', format: 'uri-reference' },
    retryAfterSeconds: { type: 'integer', description: 'On 429 and 503, as in the header Retry-After.' },
  },
};

/**
 * The description of the API as OpenAPI JSON. Built when it is first asked for, because the library costs 9 MB
 * and 0.2 s (measured) that most processes never need; kept as text.
 */
@Injectable()
export class OpenApiDocument {
  private application: INestApplication | undefined;
  private text: Promise<string> | undefined;

  constructor(@Inject(SETTINGS) private readonly settings: Settings) {}

  /** The application to describe; told once it exists. */
  attach(application: INestApplication): void {
    this.application = application;
  }

  /** The document as JSON. A failure to build it is not kept. */
  json(): Promise<string> {
    this.text ??= this.build().catch((error: unknown) => {
      this.text = undefined;
      throw error;
    });
    return this.text;
  }

  private async build(): Promise<string> {
    if (this.application === undefined) throw new Error('No application to describe.');
    const { DocumentBuilder, SwaggerModule } = await import('@nestjs/swagger');
    const base = new DocumentBuilder()
      .setTitle('Plimsoll')
      .setDescription('Images fetched, transformed, stored and served under one memory budget.')
      .setVersion('1')
      .setOpenAPIVersion('3.1.0')
      .addBearerAuth()
      .addServer(this.settings.values.PUBLIC_URL ?? '/');
    const document = SwaggerModule.createDocument(this.application, base.build());
    this.describe(document);
    return JSON.stringify(document);
  }

  /** Adds what stands in our tables: summary, who may call, query parameters, the shape of a problem. */
  private describe(document: OpenAPIObject): void {
    document.components = {
      ...document.components,
      schemas: { ...document.components?.schemas, Problem: PROBLEM_SCHEMA },
    };
    for (const [path, item] of Object.entries(document.paths)) {
      const pattern = path.replace(/\{(\w+)\}/g, ':$1');
      for (const method of METHODS) {
        const operation = item[method];
        const policy = policyOfRoute(method.toUpperCase(), pattern);
        if (operation === undefined || policy === undefined) continue;
        operation.summary = policy.summary;
        operation.tags = [pattern.split('/')[2] ?? 'health'];
        if (policy.access === 'token') operation.security = [{ bearer: [] }, {}];
        if (policy.access === 'admin') operation.security = [{ bearer: [] }];
        operation.parameters = [...(operation.parameters ?? []), ...queryOf(policy)];
        operation.responses = {
          ...operation.responses,
          default: {
            description: 'A problem; its `code` says which.',
            content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        };
      }
    }
  }
}

interface ParameterObject {
  readonly in: 'query';
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Image reads parse their raw query themselves; what they accept stands in the table of their room. */
function queryOf(policy: RoutePolicy): ParameterObject[] {
  if (policy.access !== 'signature') return [];
  const isUpload = policy.path.includes(':id');
  return Object.entries(PARAMETERS).flatMap(([name, { allowed, fallback, effect }]) =>
    name === 'url' && isUpload
      ? []
      : [
          {
            in: 'query' as const,
            name,
            required: name === 'url',
            description: `${effect} Allowed: ${allowed}. Default: ${fallback}.`,
            schema: { type: 'string' },
          },
        ],
  );
}
