import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Get, Header, NotFoundException, Param, StreamableFile } from '@nestjs/common';
import { DOCS_CONTENT_SECURITY_POLICY, DOCS_PAGE, DOCS_START_SCRIPT, problemsPage } from './docs-pages.js';
import { OpenApiDocument } from './open-api-document.js';

/** The only files that are served, with their types. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

const START_SCRIPT = 'start.js';
const ONE_DAY = 'public, max-age=86400';

/** The API's description for people (`/api/docs`) and programs (`/api/docs-json`); nothing comes from elsewhere. */
@Controller()
export class DocsController {
  constructor(private readonly document: OpenApiDocument) {}

  @Get('docs')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', DOCS_CONTENT_SECURITY_POLICY)
  page(): string {
    return DOCS_PAGE;
  }

  @Get('docs/problems')
  @Header('Content-Type', 'text/html; charset=utf-8')
  problems(): string {
    return problemsPage();
  }

  @Get('docs-json')
  @Header('Content-Type', 'application/json; charset=utf-8')
  json(): Promise<string> {
    return this.document.json();
  }

  /** @throws NotFoundException for any other name. */
  @Get('docs/assets/:file')
  @Header('Cache-Control', ONE_DAY)
  async asset(@Param('file') file: string): Promise<StreamableFile> {
    if (file === START_SCRIPT) {
      return new StreamableFile(Buffer.from(DOCS_START_SCRIPT), { type: 'text/javascript; charset=utf-8' });
    }
    const type = Object.hasOwn(ASSETS, file) ? ASSETS[file] : undefined;
    if (type === undefined) throw new NotFoundException();
    const path = join(assetFolder(), file);
    const { size } = await stat(path);
    return new StreamableFile(createReadStream(path), { type, length: size });
  }
}

/** The files of Swagger UI come with `@nestjs/swagger`; only resolved, not loaded. */
function assetFolder(): string {
  const swagger = createRequire(import.meta.url).resolve('@nestjs/swagger');
  return dirname(createRequire(swagger).resolve('swagger-ui-dist/package.json'));
}
