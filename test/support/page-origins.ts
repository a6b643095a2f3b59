import type { ServerResponse } from 'node:http';
import { noise } from './pictures.js';
import { OriginServer } from './origin-server.js';

/** How long a page takes to come, ms: long enough that visits of one page by two jobs would be seen together. */
const PAGE_MS = 4;

/** Several hosts on loopback with pages that name a picture each; they outlive the servers that visit them. */
export class PageOrigins {
  private readonly origins: OriginServer[] = [];
  private readonly visiting = new Map<string, number>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly waiting = new Set<() => void>();
  private allowed = 0;
  /** Most visitors that one page had at the same time. */
  mostAtOnce = 0;
  pagesAnswered = 0;
  picturesAsked = 0;

  /** URLs of `pages` pages, spread over `hosts` hosts. */
  async start(hosts: number, pages: number): Promise<readonly string[]> {
    for (let host = 0; host < hosts; host += 1) this.origins.push(await new OriginServer().start());
    const picture = await noise(320, 200, 7);
    return Array.from({ length: pages }, (_, number) => {
      const origin = this.origins[number % hosts] as OriginServer;
      this.servePage(origin, number, picture);
      return origin.url(`/page/${number}`);
    });
  }

  /** Lets this many more pages be answered; who asks for another one waits, so that no visitor runs away. */
  allow(pages: number): void {
    this.allowed += pages;
    for (const answer of this.waiting) {
      if (this.allowed === 0) return;
      this.waiting.delete(answer);
      this.answerSoon(answer);
    }
  }

  /** For FETCH_ALLOWED_HOSTS. */
  get hosts(): string {
    return this.origins.map(({ host }) => host).join(',');
  }

  async close(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all(this.origins.map((origin) => origin.close()));
  }

  private servePage(origin: OriginServer, number: number, picture: Buffer): void {
    const body = `<!doctype html><title>Page hull${number}x</title><meta property="og:image" content="/picture/${number}.jpg">`;
    origin.route(`/page/${number}`, (_request, response) => {
      this.visited(`${origin.host}/${number}`, response);
      const answer = (): void => {
        this.pagesAnswered += 1;
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
        response.end(body);
      };
      response.once('close', () => this.waiting.delete(answer));
      if (this.allowed > 0) this.answerSoon(answer);
      else this.waiting.add(answer);
    });
    origin.route(`/picture/${number}.jpg`, (_request, response) => {
      this.picturesAsked += 1;
      response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': String(picture.length) });
      response.end(picture);
    });
  }

  private visited(page: string, response: ServerResponse): void {
    const visitors = (this.visiting.get(page) ?? 0) + 1;
    this.visiting.set(page, visitors);
    this.mostAtOnce = Math.max(this.mostAtOnce, visitors);
    response.once('close', () => this.visiting.set(page, (this.visiting.get(page) ?? 1) - 1));
  }

  private answerSoon(answer: () => void): void {
    this.allowed -= 1;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      answer();
    }, PAGE_MS);
    this.timers.add(timer);
  }
}
