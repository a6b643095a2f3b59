// One side of bench:search, in a process of its own. Argument: the task as JSON. Prints one line of JSON.
import { openCorpus } from './search-corpus.mjs';
import { LoopWatch, threadTimes } from './search-loop.mjs';
import { openSearch, searchDocument } from './search-rooms.mjs';
import { quantile } from './statistics.mjs';

const task = JSON.parse(process.argv[2]);
const corpus = openCorpus(task.words);

/** Bytes that JavaScript holds, inside and outside the heap. */
function heldBytes() {
  for (let n = 0; n < 3; n++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** @returns quantiles with and without the wait for a processor, and how many searches found something */
async function timed(queries, ask) {
  const times = [];
  const own = [];
  let found = 0;
  for (const query of queries) {
    const [startedMs, startedWaitedMs] = [performance.now(), threadTimes().waitedMs];
    const hits = await ask(query);
    const [endedMs, endedWaitedMs] = [performance.now(), threadTimes().waitedMs];
    times.push(endedMs - startedMs);
    own.push(endedMs - startedMs - (endedWaitedMs - startedWaitedMs));
    if (hits > 0) found += 1;
  }
  return {
    wallP95Ms: quantile(times, 0.95),
    p50Ms: quantile(own, 0.5),
    p95Ms: quantile(own, 0.95),
    maxMs: quantile(own, 1),
    foundRatio: found / queries.length,
  };
}

const warm = () => [
  ...corpus.typoQueries(100, task.documents, 77),
  ...corpus.operatorQueries(44, task.documents, 78),
];

async function ours() {
  const engine = task.side === 'memory' ? 'memory' : 'sqlite-fts';
  const rooms = await openSearch(task.folder, {
    SEARCH_ENGINE: task.side === 'memory' ? 'memory' : 'database',
  });
  await rooms.index.catchUp();
  const result = {};
  if (engine === 'memory') {
    const beforeBytes = heldBytes();
    const watch = new LoopWatch();
    // Builds at once, so that no search takes part in what is measured.
    rooms.memory.onApplicationBootstrap();
    await rooms.memory.settled();
    result.build = await watch.end();
    const { buildMs, usedBytes, budgetBytes, terms } = rooms.memory.snapshot();
    Object.assign(result, { buildMs, usedBytes, budgetBytes, terms });
    result.heldBytes = heldBytes() - beforeBytes;
  }
  const ask = async (text) => {
    const { hits, meta } = await rooms.service.search({ text, limit: 20 });
    if (meta.engine !== engine) throw new Error(`"${text}" was answered by ${meta.engine}, not ${engine}`);
    return hits.length;
  };
  await timed(warm(), ask);
  let watch = new LoopWatch();
  result.typo = await timed(corpus.typoQueries(task.queries, task.documents, 7), ask);
  result.plain = await timed(corpus.plainQueries(task.queries, task.documents, 8), ask);
  result.turns = await watch.end();
  watch = new LoopWatch();
  result.operators = await timed(corpus.operatorQueries(task.queries, task.documents, 9), ask);
  result.operatorTurns = await watch.end();
  result.created = await createAndFind(rooms, ask);
  await rooms.close();
  return result;
}

/** A bookmark with a word that no other has is kept, and looked for at once; the bookmarks go afterwards. */
async function createAndFind(rooms, ask) {
  const word = (n) => `zq${process.pid}zq${n}`;
  const created = [];
  try {
    return await timed(
      Array.from({ length: 60 }, (_, n) => n),
      async (n) => {
        const draft = corpus.draftOf(task.documents + n);
        const url = `https://${draft.host}/${word(n)}`;
        const title = `${draft.values.title} ${word(n)}`;
        const [saved] = await rooms.store.insert(
          [{ ...draft, url, normalisedUrl: url, values: { ...draft.values, title } }],
          'keep',
        );
        created.push(saved.bookmark.id);
        return await ask(word(n));
      },
    );
  } finally {
    for (const id of created) await rooms.store.remove(id);
    await rooms.index.followToEnd();
  }
}

/** Typing errors as ours allows them: none in short words, two in long ones. */
const allowedTypos = (term) => (term.length < 4 ? false : term.length < 8 ? 1 : 2);

/**
 * MiniSearch as its documentation has it, on the same tokens; ids only, no stored fields. Asked in two ways: every word
 * as it is, as a beginning and with typing errors at once; and with typing errors only when nothing was found without,
 * which is what ours does.
 */
async function miniSearch() {
  const { default: MiniSearch } = await import('minisearch');
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
    },
  });
  const startedMs = performance.now();
  for (let number = 0; number < task.documents; number++) {
    const { values, tags, host, note, createdAt } = corpus.draftOf(number);
    index.add(
      searchDocument({
        id: `0190${String(number).padStart(4, '0')}-0000-7000-8000-${String(number).padStart(12, '0')}`,
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
  const always = (text) => Math.min(20, index.search(text, { fuzzy: allowedTypos }).length);
  const whenNothing = (text) => {
    const strict = index.search(text).length;
    return Math.min(20, strict > 0 ? strict : index.search(text, { fuzzy: allowedTypos }).length);
  };
  const typo = corpus.typoQueries(task.queries, task.documents, 7);
  const plain = corpus.plainQueries(task.queries, task.documents, 8);
  const warming = corpus.typoQueries(20, task.documents, 77);
  await timed(warming, always);
  await timed(warming, whenNothing);
  return {
    buildMs,
    heldBytes: held,
    terms: index.termCount,
    always: { typo: await timed(typo, always), plain: await timed(plain, always) },
    typo: await timed(typo, whenNothing),
    plain: await timed(plain, whenNothing),
  };
}

const result = task.side === 'minisearch' ? await miniSearch() : await ours();
process.stdout.write(`${JSON.stringify(result)}\n`);
