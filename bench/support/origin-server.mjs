// An origin on loopback: serves files from memory under /<name>?n=<i> and counts every URL by itself.
// Messages in: { serve: { name: { path, type } } }, { counts: true }, { reset: true }, { delayMs }
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const files = new Map();
const counts = new Map();
let delayMs = 0;

const server = createServer((request, response) => {
  const file = files.get(request.url.split('?', 1)[0].slice(1));
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  counts.set(request.url, (counts.get(request.url) ?? 0) + 1);
  const answer = () => {
    response.writeHead(200, {
      'Content-Type': file.type,
      'Content-Length': file.bytes.length,
      'Cache-Control': 'public, max-age=86400',
    });
    response.end(file.bytes);
  };
  if (delayMs > 0) setTimeout(answer, delayMs);
  else answer();
});
// clients of a burst wait long between two pictures
server.keepAliveTimeout = 60_000;
server.requestTimeout = 0;

process.on('message', (message) => {
  if (message.serve !== undefined) {
    for (const [name, { path, type }] of Object.entries(message.serve)) {
      files.set(name, { type, bytes: readFileSync(path) });
    }
  }
  if (message.reset) counts.clear();
  if (message.delayMs !== undefined) delayMs = message.delayMs;
  const all = [...counts.values()];
  process.send({
    port: server.address().port,
    requests: all.reduce((sum, count) => sum + count, 0),
    urls: all.length,
    mostOfOneUrl: Math.max(0, ...all),
  });
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
