import { Inject, Injectable, type INestApplication } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { SETTINGS, type Settings } from '../config/index.js';
import { ERROR_CODES, type ErrorCode } from '../errors/index.js';
import type { RouteAnswers } from './open-api/answers.js';
import { fileBody, REQUEST_PARTS } from './open-api/requests.js';
import { PROBLEM_CATALOGUE } from './problem-catalogue.js';
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

const PROBLEM_CONTENT = {
  [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } },
};

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type AnswersOf = (route: string) => RouteAnswers | undefined;

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
    const { answerSchemas, ROUTE_ANSWERS } = await import('./open-api/answers.js');
    const base = new DocumentBuilder()
      .setTitle('Plimsoll')
      .setDescription(
        'Images fetched, transformed, stored and served, and bookmarks kept, under one memory budget.',
      )
      .setVersion('1')
      .setOpenAPIVersion('3.1.0')
      .addBearerAuth()
      .addServer(this.settings.values.PUBLIC_URL ?? '/');
    const document = SwaggerModule.createDocument(this.application, base.build());
    document.components = {
      ...document.components,
      schemas: { ...document.components?.schemas, ...answerSchemas(), Problem: PROBLEM_SCHEMA },
    };
    describeAll(document, (route) => ROUTE_ANSWERS[route]);
    return JSON.stringify(document);
  }
}

/** Adds what stands in our tables: summary, who may call, parameters and bodies that are read by hand, answers. */
function describeAll(document: OpenAPIObject, answersOf: AnswersOf): void {
  for (const [path, item] of Object.entries(document.paths)) {
    const pattern = path.replace(/\{(\w+)\}/g, ':$1');
    for (const method of METHODS) {
      const operation = item[method];
      const policy = policyOfRoute(method.toUpperCase(), pattern);
      if (operation !== undefined && policy !== undefined) describe(operation, policy, answersOf);
    }
  }
}

function describe(operation: Operation, policy: RoutePolicy, answersOf: AnswersOf): void {
  const route = `${policy.method} ${policy.path}`;
  operation.summary = policy.summary;
  operation.tags = [policy.path.split('/')[2] ?? 'health'];
  if (policy.access === 'token' || policy.access === 'link') operation.security = [{ bearer: [] }, {}];
  if (policy.access === 'admin') operation.security = [{ bearer: [] }];
  takeParts(operation, route);
  const answers = answersOf(route);
  operation.responses = {
    ...(answers === undefined ? operation.responses : responsesOf(answers, policy)),
    default: { description: 'A problem; its `code` says which.', content: PROBLEM_CONTENT },
  };
}

function takeParts(operation: Operation, route: string): void {
  const parts = REQUEST_PARTS[route];
  if (parts === undefined) return;
  operation.parameters = [...(operation.parameters ?? []), ...parts.parameters];
  if (parts.file !== undefined) operation.requestBody = fileBody(parts.file);
  const body = operation.requestBody;
  if (parts.alsoJson === undefined || body === undefined || !('content' in body)) return;
  const json = body.content['application/json'];
  if (json === undefined) return;
  for (const type of parts.alsoJson) body.content[type] = json;
}

/** Success first, then problems: those of the route, and those that its place in the table of policies brings. */
function responsesOf({ answers, problems }: RouteAnswers, policy: RoutePolicy): Operation['responses'] {
  const responses: Operation['responses'] = {};
  const codesByStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...problems, ...commonProblems(policy)])) {
    const { status } = PROBLEM_CATALOGUE[code];
    codesByStatus.set(status, [...(codesByStatus.get(status) ?? []), code]);
  }
  for (const [status, codes] of codesByStatus) {
    responses[status] = {
      description: codes.map((code) => `\`${code}\``).join(', '),
      content: PROBLEM_CONTENT,
    };
  }
  for (const { status, description, content } of answers) {
    responses[status] = { description, ...(content === undefined ? {} : { content }) };
  }
  return responses;
}

function commonProblems({ access, exempt }: RoutePolicy): readonly ErrorCode[] {
  const byAccess: Readonly<Record<RoutePolicy['access'], readonly ErrorCode[]>> = {
    open: [],
    token: ['missing-token', 'invalid-token'],
    link: ['missing-token', 'invalid-token'],
    signature: ['missing-signature', 'invalid-signature', 'expired-signature'],
    admin: ['missing-token', 'invalid-token', 'admin-disabled'],
  };
  return [...byAccess[access], ...(exempt ? [] : (['memory-pressure', 'shutting-down'] as const))];
}
