import { ERROR_CODES, type ErrorCode } from '../errors/index.js';
import { PROBLEM_CATALOGUE } from './problem-catalogue.js';

/** Scripts and styles from this server only; the page's styles set colours inline. */
export const DOCS_CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const page = (title: string, head: string, body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<title>${title}</title>${head}</head><body>${body}</body></html>`;

/** The page that renders the OpenAPI document. */
export const DOCS_PAGE = page(
  'Plimsoll API',
  '<link rel="stylesheet" href="/api/docs/assets/swagger-ui.css">',
  '<div id="swagger-ui"></div><script src="/api/docs/assets/swagger-ui-bundle.js"></script><script src="/api/docs/assets/start.js"></script>',
);

/** Starts the page; a file of its own, because inline scripts are forbidden. */
export const DOCS_START_SCRIPT =
  "window.addEventListener('load', () => { SwaggerUIBundle({ url: '/api/docs-json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null }); });\n";

/** What the `type` of a problem points to: every code, one anchor each. */
export function problemsPage(): string {
  const rows = (Object.entries(ERROR_CODES) as [ErrorCode, string][])
    .map(
      ([code, meaning]) =>
        `<tr id="${code}"><td><code>${code}</code></td><td>${PROBLEM_CATALOGUE[code].status}</td><td>${meaning}</td></tr>`,
    )
    .join('');
  return page(
    'Plimsoll problems',
    '',
    `<h1>Problems</h1><table><thead><tr><th>code</th><th>status</th><th>meaning</th></tr></thead><tbody>${rows}</tbody></table>`,
  );
}
