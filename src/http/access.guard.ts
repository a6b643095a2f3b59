import {
  Inject,
  Injectable,
  NotFoundException,
  Optional,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import type { Request } from 'express';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { PlimsollError } from '../errors/index.js';
import { BearerTokens } from './bearer-tokens.js';
import { PictureLinks } from './picture-links.js';
import { pathOf } from './request-facts.js';
import { isMistakenForPattern, policyOfRoute } from './route-policy.js';
import { CANONICAL_QUERY, sortedQuery, verifyUrl, type CanonicalQuery } from './url-signature.js';

/**
 * Who may call what, by the table in `route-policy.ts`. It looks a route up by the pattern that the router
 * matched, not by the URL, so no spelling of a URL gets around it; a route that is not listed is refused.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  private readonly tokens: BearerTokens | undefined;
  private readonly adminToken: BearerTokens | undefined;
  private readonly signingKeys: readonly string[] | undefined;
  private readonly canonicalQuery: CanonicalQuery;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly links: PictureLinks,
    @Optional() @Inject(CANONICAL_QUERY) canonicalQuery?: CanonicalQuery,
  ) {
    const { API_TOKENS: tokens, ADMIN_TOKEN: adminToken, IMAGE_URL_SIGNING_KEY: keys } = settings.values;
    this.tokens = tokens === undefined ? undefined : new BearerTokens(tokens);
    this.adminToken = adminToken === undefined ? undefined : new BearerTokens([adminToken]);
    this.signingKeys = keys;
    this.canonicalQuery = canonicalQuery ?? sortedQuery;
  }

  /** @throws NotFoundException for a method that a path does not have: the filter answers with those that it has */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    const pattern = (request.route as { readonly path: string }).path;
    const policy = policyOfRoute(request.method, pattern);
    if (policy === undefined) {
      throw new PlimsollError('internal-error', 'The server failed at this request.', {
        logMessage: `No policy for ${request.method} ${pattern}`,
      });
    }
    if (isMistakenForPattern(request.method, pathOf(request.originalUrl), pattern))
      throw new NotFoundException();
    if (policy.access === 'admin') this.checkAdmin(request.headers.authorization);
    if (policy.access === 'token') this.tokens?.check(request.headers.authorization);
    if (policy.access === 'link') this.checkLink(request);
    if (policy.access === 'signature' && this.signingKeys !== undefined) {
      verifyUrl(request.originalUrl, this.signingKeys, this.clock.now(), this.canonicalQuery);
    }
    return true;
  }

  /** A browser sends no token for a picture in a page: the link that came with the bookmark speaks for it. */
  private checkLink({ headers, originalUrl }: Request): void {
    if (this.tokens === undefined) return;
    if (!isBearer(headers.authorization) && this.links.isLink(originalUrl)) this.links.verify(originalUrl);
    else this.tokens.check(headers.authorization);
  }

  /** Unlike the API's tokens: without one configured nobody gets in. */
  private checkAdmin(authorization: string | undefined): void {
    if (this.adminToken === undefined) {
      throw new PlimsollError('admin-disabled', 'The admin routes are closed: no ADMIN_TOKEN is configured.');
    }
    this.adminToken.check(authorization);
  }
}

/** What a proxy may have asked for itself (`Basic …`) is none of ours. */
const isBearer = (authorization: string | undefined): boolean => /^bearer /i.test(authorization ?? '');
