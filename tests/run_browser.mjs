// node run_browser.mjs FOLDER [PICTURE.png]: the page in a real Chromium ($CHROMIUM, default /usr/bin/chromium), by playwright-core.
// It takes the shipped model, learns, rests, is closed, goes on another day, answers, and gives the ladder to LADDER, the
// command line program, if that is set. A wrong answer, an error in the console or a lost download fails.
import http from 'node:http';
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
const { chromium } = createRequire(process.env.PLAYWRIGHT || import.meta.url)('playwright-core');
const root = path.resolve(process.argv[2]), wrong = [];
const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const server = http.createServer(async (q, r) => {
  try {
    const name = q.url === '/' ? '/index.html' : q.url.split('?')[0], body = await readFile(path.join(root, name));
    r.writeHead(200, { 'content-type': types[path.extname(name)] || 'application/octet-stream' });
    r.end(body);
  } catch { r.writeHead(404); r.end(); }
}).listen(0);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage(), said = (id, what, seconds = 300) => page.waitForFunction(
  ([i, w]) => new RegExp(w).test(document.getElementById(i).textContent), [id, what], { timeout: 1000 * seconds });
page.on('console', (m) => { if (m.type() === 'error') wrong.push(m.text()); });
page.on('pageerror', (e) => wrong.push(e.message));
try {
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForSelector('body[data-ready=yes]');
  await page.click('#shipped');
  await said('what', 'electra, 3 layers');
  await page.click('#sample');
  await page.waitForFunction(() => document.getElementById('lines').value.length > 1000);
  await page.evaluate(() => {
    const t = document.getElementById('lines');
    t.value = t.value.split('\n').slice(0, 200).join('\n');
    t.oninput();
  });
  await page.fill('#epochs', '3');
  await page.click('#train');
  await said('now', 'epoch 1');
  await page.click('#pause');
  await said('now', 'Stopped');
  await page.reload();
  await page.waitForSelector('body[data-ready=yes]');
  await said('now', 'kept here');
  await page.click('#resume');
  await page.waitForSelector('#save:not([hidden])', { timeout: 300000 });
  await page.fill('#question', 'Turn off the lights in the kitchen');
  await page.press('#question', 'Enter');
  await page.waitForSelector('#answers .bar');
  assert.equal(await page.textContent('#answers .bar span'), 'light_off');
  if (process.argv[3]) await page.screenshot({ path: process.argv[3], fullPage: true });
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]), ladder = await download.path();
  if (process.env.LADDER) {
    const line = execFileSync(process.env.LADDER, ['predict', '--model', path.join(root, 'tiny'), '--ladder', ladder],
      { input: 'Turn off the lights in the kitchen\n', encoding: 'utf8' });
    assert.equal(JSON.parse(line).label, 'light_off');
  }
  assert.deepEqual(wrong, []);
  console.log('the page in Chromium: ok\n1 passed, 0 failed, 0 skipped');
} catch (e) {
  console.log(`FAIL the page in Chromium: ${e.message} ${wrong.join('; ')}\n0 passed, 1 failed, 0 skipped`);
  process.exitCode = 1;
}
await browser.close();
server.close();
