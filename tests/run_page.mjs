// node run_page.mjs FOLDER: the page's program without a browser. FOLDER is what `make -C examples wasm` made.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import assert from 'node:assert/strict';
const root = path.resolve(process.argv[2]), { load } = await import(path.join(root, 'files.js'));
const wasm = await WebAssembly.compile(await readFile(path.join(root, 'page.wasm')));
const bytes = async (name) => new Uint8Array(await readFile(path.join(root, name)));
const lines = (await readFile(path.join(root, 'train.tsv'), 'utf8')).trim().split('\n').slice(0, 150);
const text = (keep) => new TextEncoder().encode(lines.filter((_, i) => keep(i)).join('\n') + '\n');
const tests = {
  async 'the module stays below 500 KB'() {
    assert.ok((await readFile(path.join(root, 'page.wasm'))).length < 500 * 1024);
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

async function ready() {
  const p = await load(wasm);
  for (const name of ['config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt']) p.put('/model/' + name, await bytes('tiny/' + name));
  assert.match(p.open(), /electra, 3 layers/);
  p.put('/data/train.tsv', text((i) => i % 5));
  p.put('/data/dev.tsv', text((i) => i % 5 === 0));
  return p;
}

let failed = 0;
for (const [name, run] of Object.entries(tests)) {
  try { await run(); console.log(name + ': ok'); } catch (e) { failed++; console.log(`FAIL ${name}: ${e.message}`); }
}
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed ? 1 : 0;
