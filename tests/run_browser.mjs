// node run_browser.mjs FOLDER [PICTURES]: the page in a real Chromium ($CHROMIUM, default /usr/bin/chromium), by playwright-core.
// Twice: from a server that does not isolate it, on one thread, and from one that does, on two. Both must learn the same
// bits from the same texts: once with a rest and the page closed in between, once from a chosen directory and a dropped
// file. LADDER, the command line program, reads what was downloaded, if it is set. A wrong answer, an error in the
// console or a lost download fails. PICTURES: a folder for the page as a desktop and a phone show it.
import http from 'node:http';
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
const { chromium } = createRequire(process.env.PLAYWRIGHT || import.meta.url)('playwright-core');
const [, , folder, pictures] = process.argv, root = path.resolve(folder), question = 'Turn off the lights in the kitchen';
const lines = (await readFile(path.join(root, 'train.tsv'), 'utf8')).split('\n').slice(0, 150).join('\n');
const simd = (await readFile(path.join(root, 'modules.json'), 'utf8')).includes('relaxed') ? 'relaxed SIMD' : '128-bit SIMD';
const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox'] });

// changed: files as they are not on disk.
const serve = (headers, changed = {}) => http.createServer(async (q, r) => {
  try {
    const name = q.url.split('?')[0].replace(/\/$/, '/index.html'), body = changed[name] ?? await readFile(path.join(root, name));
    r.writeHead(200, { 'content-type': types[path.extname(name)] || 'application/octet-stream', ...headers });
    r.end(body);
  } catch { r.writeHead(404); r.end(); }
}).listen(0);

async function visit(headers, run, changed) {
  const server = serve(headers, changed), context = await browser.newContext({ viewport: { width: 1100, height: 900 } });
  const page = await context.newPage(), wrong = [];
  page.on('console', (m) => { if (m.type() === 'error') wrong.push(m.text()); });
  page.on('pageerror', (e) => wrong.push(e.message));
  const at = {
    page,
    open: async () => {
      await page.goto(`http://127.0.0.1:${server.address().port}/?threads=2`);
      await page.waitForSelector('body[data-ready=yes]');
    },
    said: (id, what, seconds = 200) => page.waitForFunction(
      ([i, w]) => new RegExp(w).test(document.getElementById(i).textContent), [id, what], { timeout: 1000 * seconds }),
    able: (id) => page.waitForSelector(`#${id}:enabled`, { timeout: 200000 }),
    drop: async (id, name, text) => page.dispatchEvent(id, 'drop', { dataTransfer: await page.evaluateHandle(([n, t]) => {
      const d = new DataTransfer();
      d.items.add(new File([t], n));
      return d;
    }, [name, text]) }),
    answer: async () => {
      await page.fill('#question', question);
      await page.press('#question', 'Enter');
      await page.waitForSelector('#answers .bar');
      return page.textContent('#answers .bar span');
    },
    ladder: async () => {
      const [file] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
      assert.equal(file.suggestedFilename(), 'page.ladder');
      return file.path();
    },
  };
  try {
    await run(at);
    assert.deepEqual(wrong, []);
    assert.equal(await page.textContent('#wrong'), '');
  } catch (e) {
    e.message += ` [${wrong.join('; ')}] [${await page.textContent('#wrong').catch(() => '')}]`;
    throw e;
  } finally { server.close(); }
}

const learned = {};
const tests = {
  'the page on one thread, with a rest': () => visit({}, async ({ page, open, said, able, answer, ladder }) => {
    await open();
    await said('how', `one thread with ${simd}. Several threads need`);
    await page.click('#shipped');
    await said('what', 'electra, 3 layers');
    await page.click('#sample');
    await said('count', '[0-9]+ texts, 15 labels');
    await page.fill('#lines', lines);
    await page.fill('#epochs', '3');
    await page.click('#train');
    await said('now', 'epoch 1');
    await page.click('#pause');
    await said('now', 'Stopped');
    const drawn = await page.evaluate(() => document.getElementById('plot').toDataURL().length);
    await page.goto('about:blank');
    await open();
    await said('now', 'kept here');
    await page.click('#resume');
    await said('what', 'electra, 3 layers');
    assert.equal(await page.inputValue('#lines'), lines);
    assert.equal(await page.inputValue('#epochs'), '3');
    await page.waitForSelector('#save:not([hidden])', { timeout: 200000 });
    assert.ok(await page.evaluate(() => document.getElementById('plot').toDataURL().length) > drawn);
    assert.equal(await page.evaluate(() => document.getElementById('bar').value), 1);
    assert.equal(await answer(), 'light_off');
    if (pictures) for (const [name, width] of [['desktop', 1100], ['phone', 390]]) {
      await page.setViewportSize({ width, height: 844 });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `too wide for a ${name}`);
      await page.screenshot({ path: path.join(pictures, name + '.png'), fullPage: true });
    }
    const file = await ladder();
    learned.one = await readFile(file);
    if (process.env.LADDER) {
      const line = execFileSync(process.env.LADDER, ['predict', '--model', path.join(root, 'tiny'), '--ladder', file],
        { input: question + '\n', encoding: 'utf8' });
      assert.equal(JSON.parse(line).label, 'light_off');
    }
    await open();                               // what is finished is not kept
    assert.equal(await page.textContent('#now'), '\u00a0');
  }),
  'the isolated page on two threads, directory and texts from outside': () => visit(isolated, async ({ page, open, said, able, drop, answer, ladder }) => {
    await open();
    await said('how', `Runs on 2 threads with ${simd}.$`);
    await drop('#model', 'config.json', '{}');
    await said('wrong', 'model_type');
    await said('what', 'None yet');
    await page.setInputFiles('#folder', path.join(root, 'tiny'));
    await said('what', 'electra, 3 layers');
    await drop('#texts', 'mine.tsv', lines);
    await said('count', '150 texts');
    await page.fill('#epochs', '3');
    await page.click('#train');
    await said('now', 'epoch 2');
    await page.click('#pause');
    await said('now', 'Stopped');
    await answer();                             // half way, whatever it says
    await page.click('#resume');
    await page.waitForSelector('#save:not([hidden])', { timeout: 200000 });
    assert.equal(await answer(), 'light_off');
    learned.two = await readFile(await ladder());
  }),
  'what a browser lacks is said, and a directory is dropped': async () => {
    await visit(isolated, async ({ page, open, said }) => {
      await open();
      await said('how', 'Runs on 2 threads with 128-bit SIMD, since ');
      const to = await page.locator('#model').boundingBox(), chrome = await page.context().newCDPSession(page);
      for (const type of ['dragEnter', 'dragOver', 'drop']) await chrome.send('Input.dispatchDragEvent', { type,
        x: to.x + 20, y: to.y + 20, data: { items: [], files: [path.join(root, 'tiny')], dragOperationsMask: 1 } });
      await said('what', 'electra, 3 layers');
    }, { '/modules.json': '["page-relaxed", "page-threads", "page"]', '/page-relaxed.wasm': 'no module' });
    await visit(isolated, async ({ open, said }) => {
      await open();
      await said('how', 'Runs on one thread with 128-bit SIMD.$');
    }, { '/modules.json': '["page"]' });
  },
  'the same bits': () => assert.ok(learned.one && learned.two && learned.one.equals(learned.two)),
};

let failed = 0;
for (const [name, run] of Object.entries(tests)) {
  try { await run(); console.log(name + ': ok'); } catch (e) { failed++; console.log(`FAIL ${name}: ${e.message}`); }
}
await browser.close();
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed, 0 skipped`);
process.exit(failed ? 1 : 0);
