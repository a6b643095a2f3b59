// The least that node:http can do: one buffer and a list of headers, made once. 304 when the tag matches.
// Usage: node bare-hits.mjs PORT ANSWER; ANSWER is JSON { headers: [name, value, …], notModifiedHeaders, etag, body: base64 }
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(0);
}, 1_000).unref();

const answer = JSON.parse(readFileSync(process.argv[3], 'utf8'));
const body = Buffer.from(answer.body, 'base64');
const { headers, notModifiedHeaders, etag } = answer;

const server = createServer((request, response) => {
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, notModifiedHeaders);
    response.end();
    return;
  }
  response.writeHead(200, headers);
  response.end(body);
});
server.listen(Number(process.argv[2]), '127.0.0.1');
