// Opens pages of tm-export in headless Chromium, as a reader does. PAGES names their folder;
// SHOTS, if set, a folder for screenshots.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const pages = process.env.PAGES;
const shots = process.env.SHOTS;
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
let browser;

before(async () => {
  assert.ok(executablePath, 'no Chromium: apt-get install chromium');
  if (shots) mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

/** Opens a page and collects all that must not happen. */
async function open(name, { viewport = DESKTOP, colorScheme = 'light', ...more } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, ...more });
  const page = await context.newPage();
  const wrong = [];
  page.on('console', (message) => wrong.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  const url = `file://${pages}/${name}.html`;
  page.on('request', (request) => { if (request.url() !== url) wrong.push(`request: ${request.url()}`); });
  await page.goto(url, { waitUntil: 'load' });
  return { page, wrong, close: () => context.close() };
}

async function shoot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

for (const name of ['pacific', 'rounds', 'long', 'hostile', 'bare', 'silent']) {
  for (const [size, viewport] of [['desktop', DESKTOP], ['phone', PHONE]]) {
    for (const colorScheme of ['light', 'dark']) {
      test(`${name} opens on a ${size}, ${colorScheme}, asks nobody and fits`, async () => {
        const { page, wrong, close } = await open(name, { viewport, colorScheme });
        const { scroll, client } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, client: document.documentElement.clientWidth }));
        assert.ok(scroll <= client, `the page is ${scroll} wide where ${client} fit`);
        await shoot(page, `${name}-${size}-${colorScheme}`);
        assert.deepEqual(wrong, []);
        await close();
      });
    }
  }
}

test('a mark shows its hop in the panel and in the table, and the table on the map', async () => {
  const { page, wrong, close } = await open('pacific');
  await page.locator('.mark[data-hops="8"]').click();
  assert.match(await page.locator('#panel').innerText(), /tokyjp05[\s\S]*AS64510[\s\S]*Tokyo, JP, high confidence[\s\S]*the name holds a code of Tokyo/);
  assert.ok(await page.locator('#hop-8').evaluate((row) => row.classList.contains('on')));
  await shoot(page, 'panel-desktop-light');
  await page.locator('#hop-7').click();
  assert.match(await page.locator('#panel').innerText(), /snjsca04[\s\S]*24015/);
  assert.ok(await page.locator('.mark[data-hops="7"]').evaluate((mark) => mark.classList.contains('on')));
  await page.locator('#hop-11').hover();
  assert.ok(await page.locator('.mark[data-hops="11"]').evaluate((mark) => mark.classList.contains('near')));
  await page.keyboard.press('Escape');
  assert.ok(await page.locator('#panel').isHidden());
  assert.deepEqual(wrong, []);
  await close();
});

test('a pill for several hops names them all and comes apart when zoomed', async () => {
  const { page, wrong, close } = await open('long');
  const labels = async () => page.$$eval('.mark:not(.under) text', (texts) => texts.map((text) => text.textContent));
  const before = await labels();
  assert.ok(before.some((label) => label.includes('–')), before.join(' '));
  await page.locator('.mark:not(.under)').first().click();
  const chips = await page.locator('#panel .chips button').allInnerTexts();
  assert.ok(chips.length > 1 && chips[0] === 'Hop 1', chips.join(' '));
  await page.locator('#panel .chips button').nth(1).click();
  assert.match(await page.locator('#panel').innerText(), /198\.51\.100\.2\b/);
  await page.locator('#map').focus();
  for (let i = 0; i < 5; i += 1) await page.keyboard.press('+');
  const after = await labels();
  assert.ok(after.length > before.length, `${before.join(' ')} → ${after.join(' ')}`);
  await page.keyboard.press('0');
  assert.deepEqual(await labels(), before);
  assert.deepEqual(wrong, []);
  await close();
});

test('the map moves under the pointer and under the keys', async () => {
  const { page, wrong, close } = await open('pacific');
  const view = () => page.locator('#map').getAttribute('viewBox');
  const home = await view();
  await page.locator('#nearer').click();
  const near = await view();
  assert.notEqual(near, home);
  const box = await page.locator('#map').boundingBox();
  await page.mouse.move(box.x + 300, box.y + 300);
  await page.mouse.down();
  await page.mouse.move(box.x + 400, box.y + 320, { steps: 5 });
  await page.mouse.up();
  assert.notEqual(await view(), near);
  await page.locator('#fit').click();
  assert.equal((await view()).split(' ').map(Math.round).join(), home.split(' ').map(Number).map(Math.round).join());
  assert.deepEqual(wrong, []);
  await close();
});

test('the slider shows one round, and all of them again', async () => {
  const { page, wrong, close } = await open('rounds');
  const avg = () => page.locator('#hop-4 .avg').innerText();
  const ip = () => page.locator('#hop-4 .ip').innerText();
  const [all, both] = [await avg(), await ip()];
  const slider = page.locator('#round');
  await slider.focus();
  await page.keyboard.press('ArrowRight');
  assert.match(await page.locator('#round-said').innerText(), /^Round 1, 2026-11-24 10:01:00 UTC$/);
  const first = await avg();
  assert.equal(await ip(), '203.0.113.33');
  await page.keyboard.press('End');
  assert.match(await page.locator('#round-said').innerText(), /^Round 12/);
  assert.equal(await ip(), '203.0.113.35');
  assert.notEqual(await avg(), first);
  await shoot(page, 'round-desktop-light');
  await page.keyboard.press('Home');
  assert.deepEqual([await avg(), await ip()], [all, both]);
  assert.deepEqual(wrong, []);
  await close();
});

test('hostile text is text: it is shown, and nothing of it runs', async () => {
  const { page, wrong, close } = await open('hostile');
  for (const row of await page.locator('tr[data-hop] summary').all()) await row.click();
  for (const mark of await page.locator('.mark:not(.under)').all()) await mark.click();
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  const text = await page.locator('body').innerText();
  for (const shown of ['<img src=x onerror=window.pwned=1>', '</script><script>window.pwned=1</script>', '{{ 7*7 }}', '\\u{1b}[2J', '\\u{202e}gro']) {
    assert.ok(text.includes(shown), shown);
  }
  assert.equal(await page.locator('img, iframe, object, embed, link, form').count(), 0);
  assert.equal(await page.locator('a:not([href^="#"])').count(), 0, 'no link leads away');
  assert.deepEqual(wrong, []);
  await close();
});

test('an altered script does not run', async () => {
  const { page, close } = await open('pacific');
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.altered = true';
    document.body.append(script);
    return window.altered;
  });
  assert.equal(ran, undefined);
  await close();
});

/** Answers for the tile server, so that nothing is ever sent to it; what else is asked for is noted. */
async function serveTiles(page, url) {
  const asked = [];
  await page.route('**', (route) => {
    const request = route.request();
    if (request.url() === url) return route.continue();
    asked.push({ url: request.url(), referer: request.headers().referer });
    const tile = request.url().match(/\d+\/\d+\/\d+/)?.[0];
    const body = `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256"><rect width="256" height="256" fill="#eef" stroke="#88a"/><text x="20" y="60" font-size="36">${tile}</text></svg>`;
    return route.fulfill({ contentType: 'image/svg+xml', body });
  });
  return asked;
}

test('tiles are asked for once the reader switches them on, of one server only', async () => {
  const context = await browser.newContext({ viewport: DESKTOP });
  const page = await context.newPage();
  const wrong = [];
  page.on('console', (message) => wrong.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(readFileSync(`${pages}/pacific.html`)));
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${server.address().port}/trace/secret-ticket.html`;
  const asked = await serveTiles(page, url);
  await page.goto(url, { waitUntil: 'load' });
  await page.locator('#nearer').click();
  await page.waitForTimeout(400);
  assert.deepEqual(asked.filter((request) => !request.url.endsWith('/favicon.ico')), [], 'nothing is asked for unasked');
  assert.match(await page.locator('#tiles-say').innerText(), /tile\.openstreetmap\.org, which then learns your address/);

  await page.locator('#fit').click();
  await page.getByLabel('OpenStreetMap tiles').check();
  await page.locator('#tiles image').first().waitFor({ state: 'attached' });
  await page.waitForTimeout(400);
  await shoot(page, 'tiles-desktop-light');
  const tiles = asked.filter((request) => !request.url.endsWith('/favicon.ico'));
  assert.ok(tiles.length >= 6 && tiles.length <= 40, `${tiles.length} tiles`);
  for (const { url: tile, referer } of tiles) {
    const [, z, x, y] = tile.match(/^https:\/\/tile\.openstreetmap\.org\/(\d+)\/(\d+)\/(\d+)\.png$/).map(Number);
    assert.ok(x < 2 ** z && y < 2 ** z, tile);
    assert.equal(referer, `http://127.0.0.1:${server.address().port}/`, 'the site is named, the page is not');
  }
  assert.equal(await page.locator('.credit').innerText(), '© OpenStreetMap contributors');
  assert.ok(await page.locator('#tiles').evaluate((layer) => layer.nextElementSibling.matches('.ring, use')), 'the route lies over the tiles');

  await page.getByLabel('OpenStreetMap tiles').uncheck();
  assert.equal(await page.locator('#tiles image').count(), 0);
  const before = asked.length;
  await page.locator('#nearer').click();
  await page.waitForTimeout(400);
  assert.equal(asked.length, before, 'switched off, nothing is asked for');
  assert.equal(await page.locator('.credit').count(), 0);
  const elsewhere = await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.blockedURI));
    new Image().src = 'https://elsewhere.example/x.png';
  }));
  assert.equal(elsewhere, 'https://elsewhere.example/x.png', 'the policy lets no other picture through');
  assert.deepEqual(wrong.filter((text) => !text.includes('elsewhere.example')), []);
  server.close();
  await context.close();
});

test('tiles that do not come are told of, and the map stays', async () => {
  const { page, close } = await open('pacific');
  await page.route('**', (route) => route.abort());
  await page.getByLabel('OpenStreetMap tiles').check();
  await page.getByText('No tile comes from tile.openstreetmap.org.').waitFor();
  assert.ok(await page.locator('#map .world').first().isVisible());
  await close();
});

test('without script the page says the same', async () => {
  const { page, close } = await open('pacific', { javaScriptEnabled: false });
  assert.equal(await page.locator('#map .mark').count(), 6);
  assert.equal(await page.locator('tr[data-hop]').count(), 12);
  await page.locator('#hop-7 summary').click();
  assert.match(await page.locator('#hop-7 .about').innerText(), /24015/);
  await close();
});

test('every control has a name and can be reached by keys', async () => {
  const { page, wrong, close } = await open('rounds');
  const nameless = await page.$$eval('button, input, a[href], summary', (controls) =>
    controls.filter((control) => !(control.textContent.trim() || control.getAttribute('aria-label') || control.labels?.length)).map((control) => control.outerHTML));
  assert.deepEqual(nameless, []);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.locator('.mark').first().focus();
  await page.keyboard.press('Enter');
  assert.ok(await page.locator('#panel').isVisible());
  await page.keyboard.press('j');
  assert.deepEqual(wrong, []);
  await close();
});

test('dark and light can be chosen', async () => {
  const { page, close } = await open('pacific');
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.locator('#theme').click();
  assert.notEqual(await paper(), light);
  await page.locator('#theme').click();
  assert.equal(await paper(), light);
  await close();
});

test('it prints in light colours, without controls', async () => {
  const { page, close } = await open('pacific', { colorScheme: 'dark' });
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
  assert.ok(await page.locator('#theme').isHidden());
  await shoot(page, 'print');
  const pdf = await page.pdf();
  assert.ok(pdf.length > 10_000);
  await close();
});
