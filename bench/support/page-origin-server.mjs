// Many small sites on loopback, one port each: pages with a preview picture and an icon of their own.
// The last of them is for whatever people ask meanwhile; `mostAtOnce` tells of the others.
// Messages in: { open: { hosts, pictures: [{ path, type }], icon: path } }, { stats: true }
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/** Text of a page below its head, so that it has the size of a real one. */
const FILLER =
  '<p>The load line is the mark up to which a ship may be laden, and not beyond it.</p>\n'.repeat(500);

let pictures = [];
let icon;
const sites = [];
const asked = { pages: 0, pictures: 0, icons: 0, others: 0 };

const page = (n) => `<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>Page ${n} of the bench</title>
<meta property="og:title" content="Page ${n} about load lines">
<meta property="og:description" content="What page ${n} has to say about freeboard, draught and ballast.">
<meta property="og:image" content="/picture/${n}">
<meta name="author" content="Author ${n % 37}">
<link rel="icon" type="image/png" sizes="192x192" href="/icon.png">
</head><body><h1>Page ${n}</h1>
${FILLER}</body></html>`;

function answer(site, request, response) {
  const send = (bytes, type) => {
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(bytes) });
    response.end(bytes);
  };
  site.now += 1;
  site.most = Math.max(site.most, site.now);
  response.once('close', () => (site.now -= 1));
  const [, kind, n = ''] = /^\/([a-z]*)(?:\/|\.png)?(\d*)/.exec(request.url) ?? [];
  if (kind === 'page') {
    asked.pages += 1;
    send(page(Number(n)), 'text/html; charset=utf-8');
  } else if (kind === 'picture') {
    asked.pictures += 1;
    const { bytes, type } = pictures[Number(n) % pictures.length];
    send(bytes, type);
  } else if (kind === 'icon') {
    asked.icons += 1;
    send(icon, 'image/png');
  } else if (kind === '') {
    asked.others += 1;
    send(page(0), 'text/html; charset=utf-8');
  } else {
    asked.others += 1;
    response.writeHead(404).end();
  }
}

process.on('message', async (message) => {
  if (message.open !== undefined) {
    pictures = message.open.pictures.map(({ path, type }) => ({ bytes: readFileSync(path), type }));
    icon = readFileSync(message.open.icon);
    for (let i = 0; i <= message.open.hosts; i++) {
      const site = { port: 0, now: 0, most: 0 };
      const server = createServer((request, response) => answer(site, request, response));
      server.keepAliveTimeout = 60_000;
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      site.port = server.address().port;
      sites.push(site);
    }
  }
  process.send({
    ports: sites.map(({ port }) => port),
    asked,
    mostAtOnce: Math.max(0, ...sites.slice(0, -1).map(({ most }) => most)),
  });
});
process.on('disconnect', () => process.exit(0));
