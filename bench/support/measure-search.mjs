// One side of bench:search, in a process of its own. Argument: the task as JSON. Prints one line of JSON.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { draftOf, plainQueries, typoQueries } from './search-corpus.mjs';
import { openSearch, searchDocument } from './search-rooms.mjs';
import { quantile } from './statistics.mjs';

const task = JSON.parse(process.argv[2]);

/** Bytes that JavaScript holds, inside and outside the heap. */
function heldBytes() {
  for (let n = 0; n < 3; n++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function timed(queries, ask) {
  const times = [];
  let found = 0;
  let empty = 0;
  for (const query of queries) {
    const startedMs = performance.now();
    const hits = await ask(query);
    times.push(performance.now() - startedMs);
    if (hits === 0) empty += 1;
    else found += 1;
  }
  const at = (q) => quantile(times, q);
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1), found, empty };
}

const queriesOf = () => ({
  warm: typoQueries(50, task.documents, 77),
  typo: typoQueries(task.queries, task.documents, 7),
  plain: plainQueries(task.queries, task.documents, 8),
});

async function ours() {
  const rooms = await openSearch(task.folder, {
    SEARCH_ENGINE: task.side === 'memory' ? 'memory' : 'database',
  });
  const engine = task.side === 'memory' ? 'memory' : 'sqlite-fts';
  const queries = queriesOf();
  await rooms.index.catchUp();
  const result = {};
  if (engine === 'memory') {
    const beforeBytes = heldBytes();
    const loop = monitorEventLoopDelay({ resolution: 1 });
    await rest(50);
    loop.enable();
    // Builds at once, so that no search takes part in what is measured.
    rooms.memory.onApplicationBootstrap();
    await rooms.memory.settled();
    await rest(5);
    loop.disable();
    const { buildMs, longestSliceMs, usedBytes, budgetBytes, documents, terms } = rooms.memory.snapshot();
    Object.assign(result, { buildMs, longestSliceMs, usedBytes, budgetBytes, documents, terms });
    result.longestBlockMs = loop.max / 1e6;
    result.p99BlockMs = loop.percentile(99) / 1e6;
    result.heldBytes = heldBytes() - beforeBytes;
  }
  const ask = async ({ text }) => {
    const { hits, meta } = await rooms.service.search({ text, limit: 20 });
    if (meta.engine !== engine) throw new Error(`"${text}" was answered by ${meta.engine}, not ${engine}`);
    return hits.length;
  };
  await timed(queries.warm, ask);
  result.typo = await timed(queries.typo, ask);
  result.plain = await timed(queries.plain, ask);
  await rooms.close();
  return result;
}

/** MiniSearch as its documentation has it, on the same tokens; ids only, no stored fields. */
async function miniSearch() {
  const { default: MiniSearch } = await import('minisearch');
  const queries = queriesOf();
  const fields = ['title', 'tags', 'host', 'note', 'description'];
  const beforeBytes = heldBytes();
  const index = new MiniSearch({
    fields,
    autoVacuum: false,
    extractField: (document, name) => (name === 'id' ? document.id : document.fields[name]),
    stringifyField: (value) => value,
    tokenize: (value) => (typeof value === 'string' ? value.split(' ') : value),
    processTerm: (term) => term,
    searchOptions: {
      boost: { title: 4, tags: 3, host: 2, note: 1.5, description: 1 },
      combineWith: 'AND',
      prefix: (_term, at, terms) => at === terms.length - 1,
      fuzzy: (term) => (term.length < 4 ? false : 2),
    },
  });
  const startedMs = performance.now();
  for (let number = 0; number < task.documents; number++) {
    const { values, tags, host, note, createdAt } = draftOf(number);
    index.add(
      searchDocument({
        id: `0190${String(number).padStart(8, '0')}-0000-7000-8000-${String(number).padStart(12, '0')}`,
        title: values.title,
        description: values.description,
        tags,
        host,
        note: note ?? null,
        http: { deadSince: null },
        createdAt,
        modifiedAt: createdAt,
      }),
    );
  }
  const buildMs = performance.now() - startedMs;
  const held = heldBytes() - beforeBytes;
  const ask = ({ text }) => Math.min(20, index.search(text).length);
  await timed(queries.warm, ask);
  return {
    buildMs,
    heldBytes: held,
    terms: index.termCount,
    typo: await timed(queries.typo, ask),
    plain: await timed(queries.plain, ask),
  };
}

const result = task.side === 'minisearch' ? await miniSearch() : await ours();
process.stdout.write(`${JSON.stringify(result)}\n`);
