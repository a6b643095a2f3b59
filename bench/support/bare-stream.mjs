// What streaming costs in node:http alone: an upload piped into a file, a file piped into an answer.
// Usage: node bare-stream.mjs PORT FOLDER
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(0);
}, 1_000).unref();

const folder = process.argv[3];

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const id = String(Date.now());
    await pipeline(request, createWriteStream(join(folder, id)));
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ id }));
    return;
  }
  const id = /^\/api\/images\/(\d+)/.exec(request.url)?.[1];
  if (id === undefined) {
    response.writeHead(200).end();
    return;
  }
  const path = join(folder, id);
  response.writeHead(200, { 'Content-Length': statSync(path).size });
  // a client that has what it wants may leave early
  await pipeline(createReadStream(path), response).catch(() => response.destroy());
});
server.listen(Number(process.argv[2]), '127.0.0.1');
