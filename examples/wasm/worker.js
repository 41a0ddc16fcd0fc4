// The work, beside the page: messages in, messages out. { do, ... } -> { done: do, ... } or { failed, why }.
import { load } from './files.js';

let program, running = false, paused = false, epochs = 0, begun = 0, known;
const say = (message, move) => postMessage(message, move || []);

// What a stopped run needs, in the browser's own storage, so that it goes on after the page was closed.
function storage(how) {
  return new Promise((yes, no) => {
    const r = indexedDB.open('ladder', 1);
    r.onupgradeneeded = () => r.result.createObjectStore('runs');
    r.onerror = () => no(r.error);
    r.onsuccess = () => {
      const t = r.result.transaction('runs', 'readwrite'), q = how(t.objectStore('runs'));
      t.oncomplete = () => yes(q.result);
      t.onerror = () => no(t.error);
    };
  });
}

function put(folder, files) {
  for (const path of [...program.files.all.keys()]) if (path.startsWith(folder)) program.files.all.delete(path);
  for (const [name, bytes] of files) program.put(folder + name.replace(/^\//, ''), new Uint8Array(bytes));
}

// Some steps, then whatever messages have come, then the next ones.
function go() {
  try { if (running) steps(); } catch (e) {
    running = false;
    say({ failed: 'train', why: e.message });
  }
}

function steps() {
  let more, shown = performance.now();
  do {
    more = program.step();
    const now = program.now();
    if (now.ended || !more || performance.now() - shown > 100) break;
  } while (true);
  say({ done: 'step', now: program.now(), seconds: (performance.now() - begun) / 1000 });
  if (more) setTimeout(go, 0);
  else {
    running = false;
    const ladder = program.save().slice();
    say({ done: 'train', now: program.now(), ladder }, [ladder.buffer]);
    storage((s) => s.delete('run')).catch(() => 0);
  }
}

async function fetched(name) {
  const r = await fetch(name);
  if (!r.ok) throw new Error(name + ' is not there: make -C examples wasm makes it');
  return r;
}

// One relaxed multiply and add: whether the browser knows such instructions.
const relaxed = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0,
  10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11]);

// The first that was built and that the browser can run. The upper two need memory that threads can share.
const modules = [
  { file: 'page-relaxed', simd: 'relaxed SIMD', fits: () => WebAssembly.validate(relaxed) },
  { file: 'page-threads', simd: '128-bit SIMD', fits: (threads) => threads > 1 },
  { file: 'page', simd: '128-bit SIMD', fits: () => true }];

async function begin(threads) {
  const built = await (await fetched('modules.json')).json(), wrong = [];
  for (const { file, simd, fits } of modules) {
    if (!built.includes(file) || !fits(threads)) continue;
    try {
      program = await load(await (await fetched(file + '.wasm')).arrayBuffer(), threads);
      return `${program.threads > 1 ? program.threads + ' threads' : 'one thread'} with ${simd}` +
        wrong.map((why) => `, since ${why}`).join('');
    } catch (e) { wrong.push(e.message); }
  }
  throw new Error(`this browser cannot run the page: it needs WebAssembly with 128-bit SIMD (${wrong.join('; ')})`);
}

const acts = {
  // Browsers give threads only to pages that are isolated by two headers.
  async load({ most }) {
    const threads = Math.min(most || navigator.hardwareConcurrency || 1, 8);
    const alone = threads > 1 && !self.crossOriginIsolated;
    return { how: await begin(alone ? 1 : threads), alone };
  },
  model({ files }) {
    paused = false;                             // what is kept has its own model
    put('/model/', files);
    return { what: known = program.open() };
  },
  async train(m) {
    paused = false;
    put('/data/', m.texts);
    epochs = m.epochs;
    const recipe = program.begin(epochs);
    begun = performance.now();
    running = true;
    setTimeout(go, 0);
    return { recipe, now: program.now() };
  },
  async pause({ page }) {
    if (!running) return { ended: true };       // it was ready before it heard this
    running = false;
    paused = true;
    const run = program.pause().slice(), data = [...program.files.all].filter(([path]) => /^\/(model|data)\//.test(path))
      .map(([path, b]) => [path, b.slice()]);
    const kept = storage((s) => s.put({ run, data, epochs, page }, 'run'));
    return { now: program.now(), lost: await kept.then(() => '', (e) => e.message) };
  },
  async resume() {
    let page;
    if (!paused) {                              // another day: everything comes from storage
      const kept = await storage((s) => s.get('run'));
      if (!kept) throw new Error('no stopped run is kept here');
      put('/', kept.data);
      program.put('/state/run', kept.run);
      epochs = kept.epochs;
      page = kept.page;
      known = program.open();
      program.resume(epochs);
    }
    paused = false;
    begun = performance.now();
    running = true;
    setTimeout(go, 0);
    return { now: program.now(), what: known, page };
  },
  async kept() { return { is: !!(await storage((s) => s.get('run')).catch(() => null)) }; },
  ask({ text }) { return { answers: program.ask(text) }; },
};

onmessage = async ({ data }) => {
  try {
    say({ ...(await acts[data.do](data)), done: data.do });
  } catch (e) {
    running = false;
    say({ failed: data.do, why: e.message });
  }
};
