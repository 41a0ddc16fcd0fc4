// node run_page.mjs FOLDER: the page's program without a browser. FOLDER is what `make -C examples wasm` made.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Worker as Thread } from 'node:worker_threads';
const root = path.resolve(process.argv[2]), { load } = await import(path.join(root, 'files.js'));
const [wasm, team] = await Promise.all(['page.wasm', 'page-threads.wasm'].map(async (name) =>
  WebAssembly.compile(await readFile(path.join(root, name)))));
const bytes = async (name) => new Uint8Array(await readFile(path.join(root, name)));
const lines = (await readFile(path.join(root, 'train.tsv'), 'utf8')).trim().split('\n').slice(0, 150);
const text = (keep) => new TextEncoder().encode(lines.filter((_, i) => keep(i)).join('\n') + '\n');
const tests = {
  async 'the modules stay below 500 KB'() {
    try { execFileSync(process.env.WASM_OPT || 'wasm-opt', ['--version']); } catch { return 'no wasm-opt made them smaller (Debian: binaryen)'; }
    for (const name of JSON.parse(await readFile(path.join(root, 'modules.json'), 'utf8'))) {
      const size = (await readFile(path.join(root, name + '.wasm'))).length;
      assert.ok(size < 500 * 1024, `${name} has ${size} bytes`);
    }
  },
  async 'a model, texts, a ladder, answers, the same bits after a rest'() {
    const whole = await ready();
    assert.match(whole.begin(2), /copies of the last/);
    while (whole.step()) { /* to the end */ }
    const now = whole.now();
    assert.equal(now.epoch, 2);
    assert.equal(now.step, now.steps);
    assert.ok(now.best > 0.2, `a share of ${now.best} is right`);
    const straight = whole.save().slice();
    assert.equal(whole.ask('Turn off the lights in the kitchen')[0].label, 'light_off');
    const first = await ready();
    first.begin(2);
    for (let i = 0; i < 5; i++) first.step();
    const run = first.pause().slice(), second = await ready();
    second.put('/state/run', run);
    second.resume(2);
    assert.equal(second.now().step, 5);
    while (second.step()) { /* to the end */ }
    assert.deepEqual(second.save(), straight);
  },
  async 'any number of threads gives the same bits'() {
    const learned = [];
    for (const threads of [0, 1, 2, 3]) {
      const p = await ready(threads ? team : wasm, threads);
      assert.equal(p.threads, threads || 1);
      p.put('/data/train.tsv', text((i) => i % 5 && i < 60));
      p.put('/data/dev.tsv', text((i) => i % 5 === 0 && i < 60));
      p.begin(1);
      while (p.step()) { /* to the end */ }
      learned.push(p.save().slice());
    }
    for (const other of learned.slice(1)) assert.deepEqual(other, learned[0]);
  },
  async 'a thread that stops is not passed over'() {
    breaking = true;
    const p = await ready(team, 2).finally(() => { breaking = false; });
    assert.throws(() => p.begin(1), /unreachable/);
  },
  async 'what is wrong is said'() {
    const p = await load(wasm);
    assert.throws(() => p.open(), /config\.json/);
    assert.throws(() => p.ask('x'), /nothing has been learned/);
    assert.throws(() => p.save(), /no ladder/);
    assert.throws(() => p.pause(), /no trainer/);
    p.put('/model/config.json', new TextEncoder().encode('{}'));
    assert.throws(() => p.open(), /model_type/);
    const q = await ready();
    q.put('/data/train.tsv', new TextEncoder().encode('a text without a label\n'));
    assert.throws(() => q.begin(1), /train\.tsv/);
    q.put('/data/train.tsv', new Uint8Array(0));
    assert.throws(() => q.begin(1), /train\.tsv/);
    assert.equal(q.step(), false);
  },
  async 'files are files'() {
    const p = await ready();
    p.files.all.set('/model/model.safetensors', (await bytes('tiny/model.safetensors')).slice(0, 1000));
    assert.throws(() => p.open(), /truncated|download/);
  },
};

// What a browser calls a Worker, of node's threads. While breaking, one that is thrown out of the program.
let breaking = false;
const threads = [];
globalThis.Worker = class {
  constructor(url) {
    const thread = new Thread(`
      const { parentPort, workerData } = require('node:worker_threads'), begin = WebAssembly.instantiate;
      globalThis.postMessage = (m) => parentPort.postMessage(m), globalThis.onmessage = null;
      if (workerData.breaking) WebAssembly.instantiate = async (...all) => ({ exports: { ...(await begin(...all)).exports,
        thread_wait() { throw new Error('on purpose'); } } });
      const there = import(workerData.url);
      parentPort.on('message', async (data) => { await there; onmessage({ data }); });`,
    { eval: true, workerData: { url: url.href, breaking } });
    threads.push(thread);
    thread.on('message', (data) => { if (!data.failed) this.onmessage({ data }); });
    thread.on('error', (e) => this.onerror(e));
    this.postMessage = (m) => thread.postMessage(m);
  }
};

async function ready(module = wasm, threads = 1) {
  const p = await load(module, threads);
  for (const name of ['config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt']) p.put('/model/' + name, await bytes('tiny/' + name));
  assert.match(p.open(), /electra, 3 layers/);
  p.put('/data/train.tsv', text((i) => i % 5));
  p.put('/data/dev.tsv', text((i) => i % 5 === 0));
  return p;
}

let failed = 0, skipped = 0;
for (const [name, run] of Object.entries(tests)) {
  try {
    const why = await run();
    if (why) skipped++;
    console.log(why ? `skip ${name}: ${why}` : name + ': ok');
  } catch (e) { failed++; console.log(`FAIL ${name}: ${e.message}`); }
}
for (const t of threads) await t.terminate();
console.log(`${Object.keys(tests).length - failed - skipped} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed ? 1 : 0;
