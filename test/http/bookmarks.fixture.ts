import type { TestApp } from '../support/test-app.js';

export type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty when the body is no JSON object. */
  readonly body: Json;
}

export interface Sent {
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Talks to a test application as a client does. */
export async function ask(
  app: Pick<TestApp, 'url'>,
  method: string,
  path: string,
  sent: Sent = {},
): Promise<Answer> {
  const hasBody = sent.body !== undefined;
  const response = await fetch(`${app.url}${path}`, {
    method,
    headers: { ...(hasBody ? { 'Content-Type': 'application/json' } : {}), ...sent.headers },
    ...(hasBody ? { body: typeof sent.body === 'string' ? sent.body : JSON.stringify(sent.body) } : {}),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && text.startsWith('{');
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && !text.includes('}\n{') ? (JSON.parse(text) as Json) : {},
  };
}

/** How long something that happens in the background may take, ms; what does not happen fails the test. */
const PATIENCE_MS = 20_000;

/** Asks again until the answer is as wanted. */
export async function askUntil(app: TestApp, path: string, isWanted: (body: Json) => boolean): Promise<Json> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const { body } = await ask(app, 'GET', path);
    if (isWanted(body)) return body;
    if (performance.now() > deadline) throw new Error(`Not in time: ${path} answers ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The bookmarks of a list. */
export const bookmarksOf = (body: Json): readonly Json[] => body['bookmarks'] as readonly Json[];
