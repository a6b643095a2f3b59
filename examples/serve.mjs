/**
 * Serves the example pages, so that bookmarks can be tried without a network.
 *
 *     node examples/serve.mjs [port]
 *
 * Listens on 127.0.0.1, port 4777 unless another is given (0 lets the system choose), and says where.
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES = { '.html': 'text/html; charset=utf-8', '.svg': 'image/svg+xml', '.jpg': 'image/jpeg' };

const folder = new URL('pages/', import.meta.url);
const names = (await readdir(folder)).filter((name) => extname(name) in TYPES);
/** Everything there is, by path: nothing else can be asked for. */
const files = new Map([
  ...names.map((name) => [`/${name}`, new URL(name, folder)]),
  ['/plimsoll.jpg', new URL('plimsoll.jpg', import.meta.url)],
]);

const server = createServer((request, response) => {
  const path = (request.url ?? '/').split('?', 1)[0];
  const file = files.get(path);
  if (file === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
    const pages = names.filter((name) => name.endsWith('.html')).map((name) => `/${name}`);
    response.writeHead(path === '/' ? 200 : 404, { 'Content-Type': 'text/plain; charset=utf-8' });
    response.end(`Pages: ${pages.join(' ')}\n`);
    return;
  }
  response.writeHead(200, { 'Content-Type': TYPES[extname(path)], 'Cache-Control': 'max-age=60' });
  if (request.method === 'HEAD') response.end();
  else
    createReadStream(fileURLToPath(file))
      .on('error', () => response.destroy())
      .pipe(response);
});

server.on('error', (error) => {
  console.error(`Cannot listen: ${error.message}`);
  process.exitCode = 1;
});
server.listen(Number(process.argv[2] ?? 4777), '127.0.0.1', () => {
  console.log(`Example pages on http://127.0.0.1:${server.address().port}/`);
});
