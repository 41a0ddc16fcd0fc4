// The forward pass beside onnxruntime-web's, in one Chromium, in turn; both must give the same states within 1e-3.
//
//     make -C examples wasm PAGE_C=../tests/reference/compare_browser.c BUILD=/tmp/compare WASM_OPT=NPM/binaryen/bin/wasm-opt
//     node tests/reference/compare_browser.mjs /tmp/compare/wasm MODEL MODEL.onnx NPM [rounds]
//
// NPM: node_modules with onnxruntime-web and playwright-core (and binaryen, for relaxed SIMD). MODEL.onnx: BertModel in
// float32 by torch.onnx.export(dynamo=False, opset_version=17, dynamic axes), inputs input_ids, attention_mask and
// token_type_ids, output hidden.
import http from 'node:http';
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
const [, , page, model, onnx, npm, rounds = 7] = process.argv, { chromium } = createRequire(path.resolve(npm, 'x.js'))('playwright-core');

const ours = `
import { Files } from '/page/files.js';
const files = new Files(), say = (m) => postMessage(m), memory = new WebAssembly.Memory({ initial: 128, maximum: 32768, shared: true });
let run, width, tokens;
const get = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer()), checked = (v) => {
  if (v < 0) throw new Error(new TextDecoder().decode(files.bytes(run.text(), 300).slice()));
  return v;
};
onmessage = async ({ data: m }) => {
  try {
    if (m.module) {
      const module = await WebAssembly.compile(await get('/page/' + m.module));
      run = (await WebAssembly.instantiate(module, { ...files.imports(), env: { memory } })).exports;
      files.bind(memory);
      run._initialize();
      const stacks = m.threads > 1 && run.threads_begin(m.threads - 1);
      for (let i = 1; i < m.threads; i++) await new Promise((yes) => {
        const t = new Worker('/page/thread.js', { type: 'module' });
        t.onmessage = yes;
        t.postMessage({ module, memory, top: stacks + run.threads_stack() * i });
      });
      for (const n of ['config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt']) files.all.set('/model/' + n, await get('/model/' + n));
      width = checked(run.begin(m.threads));
      return say({});
    }
    if (m.texts) {
      run.none();
      const lengths = m.texts.map((t) => {
        const b = new TextEncoder().encode(t + '\\0');
        files.bytes(run.text(), b.length).set(b);
        return checked(run.add());
      });
      tokens = lengths.reduce((a, b) => a + b);
      return say({ lengths, ids: new Int32Array(memory.buffer, run.ids(), tokens).slice() });
    }
    const begun = performance.now();
    for (let i = 0; i < m.times; i++) checked(run.forward());
    say({ ms: (performance.now() - begun) / m.times, states: new Float32Array(memory.buffer, run.hidden(), tokens * width).slice() });
  } catch (e) { say({ failed: e.message }); }
};`;

const theirs = `
import * as ort from '/ort/ort.wasm.min.mjs';
let session, feed, lengths;
const say = (m) => postMessage(m);
onmessage = async ({ data: m }) => {
  try {
    if (m.threads) {
      ort.env.wasm.wasmPaths = '/ort/';
      ort.env.wasm.numThreads = m.threads;
      session = await ort.InferenceSession.create('/onnx', { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
      return say({});
    }
    if (m.ids) {
      lengths = m.lengths;
      const longest = Math.max(...lengths), made = (value) => {
        const to = new BigInt64Array(lengths.length * longest);
        let at = 0;
        lengths.forEach((n, b) => { for (let i = 0; i < n; i++) to[b * longest + i] = value(at++); });
        return new ort.Tensor('int64', to, [lengths.length, longest]);
      };
      feed = { input_ids: made((i) => BigInt(m.ids[i])), attention_mask: made(() => 1n), token_type_ids: made(() => 0n) };
      return say({});
    }
    let out;
    const begun = performance.now();
    for (let i = 0; i < m.times; i++) out = await session.run(feed);
    const ms = (performance.now() - begun) / m.times, [, longest, width] = out.hidden.dims;
    say({ ms, states: Float32Array.from(lengths.flatMap((n, b) => [...out.hidden.data.subarray(b * longest * width, (b * longest + n) * width)])) });
  } catch (e) { say({ failed: e.message }); }
};`;

const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const made = { '/': '<!doctype html><link rel=icon href="data:,">', '/ours.js': ours, '/theirs.js': theirs };
const folders = { page, model, ort: path.join(npm, 'onnxruntime-web/dist') };
const server = http.createServer(async (q, r) => {
  const [, folder, name] = q.url.split('/');
  try {
    const body = made[q.url] ?? await readFile(q.url === '/onnx' ? onnx : path.join(folders[folder], name));
    r.writeHead(200, { 'content-type': q.url === '/' ? 'text/html' : types[path.extname(q.url)] || 'application/octet-stream',
      'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' });
    r.end(body);
  } catch { r.writeHead(404); r.end(); }
}).listen(0);
const lines = (await readFile(path.join(page, 'train.tsv'), 'utf8')).trim().split('\n').map((l) => l.split('\t')[1]);
const long = (k) => lines.slice(24 * k, 24 * k + 24).join('. ');
const sets = { 'a request': [[lines[7]], 10], '16 requests': [lines.slice(0, 16), 2], 'a text of 128': [[long(0)], 2],
  '8 of 128': [[0, 1, 2, 3, 4, 5, 6, 7].map(long), 1] };
const built = JSON.parse(await readFile(path.join(page, 'modules.json'), 'utf8')), who = [];
for (const threads of [1, 2]) {
  for (const m of ['page-relaxed', 'page-threads']) if (built.includes(m)) who.push({ name: `${m} ${threads}`, begin: { module: m + '.wasm', threads } });
  who.push({ name: `onnxruntime-web ${threads}`, begin: { threads }, theirs: true });
}
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox'] });
const tab = await browser.newPage();
await tab.goto(`http://127.0.0.1:${server.address().port}/`);
const found = await tab.evaluate(async ({ who, sets, rounds }) => {
  const ask = (w, m) => new Promise((yes, no) => {
    w.onerror = (e) => no(new Error(e.message));
    w.onmessage = ({ data }) => data.failed ? no(new Error(data.failed)) : yes(data);
    w.postMessage(m);
  });
  const all = [];
  for (const { begin, theirs } of who) {
    all.push(new Worker(theirs ? '/theirs.js' : '/ours.js', { type: 'module' }));
    await ask(all.at(-1), begin);
  }
  const rows = [];
  for (const [set, [texts, times]] of Object.entries(sets)) {
    const ms = all.map(() => []), far = [];
    let batch, states;
    for (const [i, w] of all.entries()) {
      const r = await ask(w, who[i].theirs ? batch : { texts });
      batch ??= r;
      const s = (await ask(w, { times: 1 })).states;
      states ??= s;
      far.push(s.reduce((most, v, k) => Math.max(most, Math.abs(v - states[k])), s.length === states.length ? 0 : Infinity));
    }
    for (let k = 0; k < rounds; k++) for (const [i, w] of all.entries()) ms[i].push((await ask(w, { times })).ms);
    rows.push({ set, tokens: batch.ids.length, ms, far });
  }
  return rows;
}, { who, sets, rounds: +rounds });
const middle = (a) => [...a].sort((x, y) => x - y)[a.length >> 1];
for (const { set, tokens, ms, far } of found) {
  console.log(`${set}: ${tokens} tokens; ms, median ratio to the first, smallest ms, largest difference of a state`);
  who.forEach(({ name }, i) => {
    console.log(`  ${name.padEnd(20)} ${middle(ms[i]).toFixed(1)}  ${middle(ms[i].map((v, k) => v / ms[0][k])).toFixed(2)}  ${Math.min(...ms[i]).toFixed(1)}  ${far[i].toExponential(1)}`);
    if (!(far[i] < 1e-3)) process.exitCode = 1;
  });
}
await browser.close();
server.close();
