// What one writes in an afternoon: node:http, fetch, sharp with its defaults. No cache, no store, no limits.
// Usage: node bare-server.mjs PORT. Takes the same URLs as the real server: /api/images?url=&w=&format=
import { createServer } from 'node:http';
import { transform } from './sharp-operation.mjs';

const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(0);
}, 1_000).unref();

const server = createServer(async (request, response) => {
  const asked = new URL(request.url, 'http://bare');
  if (asked.pathname !== '/api/images') {
    response.writeHead(asked.pathname === '/readyz' ? 200 : 404).end();
    return;
  }
  try {
    const format = asked.searchParams.get('format');
    const fetched = await fetch(asked.searchParams.get('url'));
    if (!fetched.ok) throw new Error(`origin answered ${fetched.status}`);
    const source = Buffer.from(await fetched.arrayBuffer());
    const bytes = await transform(source, { width: Number(asked.searchParams.get('w')), format });
    response.writeHead(200, { 'Content-Type': `image/${format}`, 'Content-Length': bytes.length });
    response.end(bytes);
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
});
server.requestTimeout = 0;
server.listen(Number(process.argv[2]), '127.0.0.1');
