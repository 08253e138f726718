'use strict';

/*
 * The demo in a real browser: several pages talk through it, each with a
 * session of its own.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { after, afterEach, before, describe, it } = require('node:test');
const { chromium } = require('playwright-core');
const { io } = require('socket.io-client');

const lib = require('../differential/lib.js');
const { startNginx } = require('../lib/sio.js');

const CHROMIUM = process.env.SIO_CHROMIUM || '/usr/bin/chromium';
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu',
              '--disable-quic', '--no-first-run',
              '--disable-background-networking',
              '--disable-component-update', '--disable-sync'];

const CLIENT = path.join(
  path.dirname(require.resolve('socket.io-client/package.json')), 'dist');


function start() {
  if (lib.NODE) {
    return require('./reference.js').start();
  }

  return startNginx({
    workers: 2,
    conf: (where) => lib.example('chat.conf', where)
      .replace(/^( *root) .*;$/m,
               `$1 ${path.join(lib.ROOT, 'conf-examples/chat')};`)
      .replace(/^( *sio_serve_client) .*;$/m, `$1 ${CLIENT};`),
  });
}


describe('the demo', { skip: !fs.existsSync(CHROMIUM) && 'no chromium' },
         () => {
  let server, browser;
  const errors = [];

  before(async () => {
    server = await start();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });


  /* all pages go, and the server has seen it, before the next test */

  afterEach(async () => {
    /* "socket" is the page's own */

    for (const page of browser.contexts().flatMap((c) => c.pages())) {
      await page.evaluate('socket && socket.disconnect()');
    }

    const socket = io(server.url, { auth: { name: 'last' }, forceNew: true });

    try {
      await lib.connected(socket);
      await lib.until(async () => {
        const [answer] = await lib.emitAck(socket, 'join', { room: 'lobby' });

        await lib.emitAck(socket, 'leave', { room: 'lobby' });
        return answer.peers.length === 1;
      }, 10000, 'an empty lobby');

    } finally {
      socket.disconnect();

      for (const context of browser.contexts()) {
        await context.close();
      }
    }
  });


  /* a page of its own browser context, so of its own sessionStorage */

  async function open(name, { polling = false, ...options } = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();

    page.setDefaultTimeout(10000 * lib.SLOW);
    page.on('pageerror', (e) => errors.push(String(e)));
    page.on('console', (m) => {
      if (m.type() === 'error') {
        errors.push(m.text());
      }
    });

    if (polling) {
      await page.addInitScript(() => sessionStorage.setItem('polling', '1'));
    }

    await page.goto(server.url);
    await page.fill('#name', name);
    await page.press('#name', 'Enter');
    await page.waitForSelector('#rooms .open');

    /* one that goes in the middle of the upgrade is missed by nobody before
       its ping timeout, with Node's server as well */

    if (!polling) {
      await shows(page, '#transport', 'websocket');
    }

    return page;
  }

  const close = (page) => page.context().close();

  const say = async (page, text) => {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
  };

  const join = async (page, room) => {
    await page.fill('#room', room);
    await page.press('#room', 'Enter');
    await shows(page, '#title', `# ${room}`);
  };

  const texts = (page, selector) => page.locator(selector).allTextContents();

  const shows = (page, selector, text) => page.waitForFunction(
    ([s, t]) => document.querySelector(s)?.textContent === t,
    [selector, text]);

  const has = (page, selector, text) => page.locator(selector)
    .filter({ hasText: text }).first().waitFor();

  const gone = (page, selector, text) => page.locator(selector)
    .filter({ hasText: text }).waitFor({ state: 'detached' });


  it('asks for a name, and refuses none', async () => {
    const page = await (await browser.newContext()).newPage();

    await page.goto(server.url);
    await page.waitForSelector('dialog[open]');
    assert.equal(await page.evaluate(() => document.activeElement.id),
                 'name');

    /* the page does not send an empty name; the server would refuse it */

    await page.press('#name', 'Enter');
    await page.evaluate(() => {
      document.getElementById('name').required = false;
    });
    await page.fill('#name', '   ');
    await page.press('#name', 'Enter');
    await shows(page, '#nameBad', 'a name has 1 to 24 characters');
    await page.fill('#name', 'Zo\u00eb \u{1f600}');
    await page.press('#name', 'Enter');
    await shows(page, '#me', 'Zo\u00eb \u{1f600}');
  });


  it('two people talk', async () => {
    const ann = await open('Ann'), bob = await open('Bob');

    await has(ann, '#people .label', 'Bob');
    await has(bob, '#people .label', 'Ann');
    await has(ann, '.news', 'Bob joined');

    await say(ann, 'Hello <b>Bob</b> & "all"');
    await has(bob, '.msg .text', 'Hello');
    await say(bob, 'Hello Ann \u{1f600}');
    await has(ann, '.msg .text', 'Hello Ann');

    for (const page of [ann, bob]) {
      assert.deepEqual(await texts(page, '.msg .text'),
                       ['Hello <b>Bob</b> & "all"', 'Hello Ann \u{1f600}']);
    }

  });


  it('tells worker and transport, and polls on demand', async () => {
    const ann = await open('Ann'), bob = await open('Bob', { polling: true });

    await shows(ann, '#transport', 'websocket');
    await shows(bob, '#transport', 'polling');

    for (const page of [ann, bob]) {
      await page.waitForFunction(
        () => /^\d+$/.test(document.querySelector('#worker').textContent));

      const [worker] = await texts(page, '#worker');

      assert.ok(server.workers().includes(Number(worker)), worker);
    }

    await say(bob, 'by polling');
    await has(ann, '.msg .text', 'by polling');
    await say(ann, 'by WebSocket');
    await has(bob, '.msg .text', 'by WebSocket');

    /* the switch: a new session, the same rooms */

    await join(ann, 'kitchen');
    await ann.click('text=Force polling');
    await shows(ann, '#transport', 'polling');
    await has(bob, '#people .label', 'Ann');
    await say(ann, 'alone in the kitchen');
    await has(ann, '.msg .text', 'alone in the kitchen');
    assert.deepEqual(await texts(bob, '.msg .text'),
                     ['by polling', 'by WebSocket']);
  });


  it('keeps rooms apart', async () => {
    const ann = await open('Ann'), bob = await open('Bob'),
          cat = await open('Cat');

    await join(ann, 'tea');
    await join(bob, 'tea');
    await has(ann, '#people .label', 'Bob');
    await say(ann, 'in the tea room');
    await has(bob, '.msg .text', 'in the tea room');

    await has(cat, '#people .label', 'Ann');
    await say(cat, 'in the lobby');
    await has(ann, '#rooms .open', 'lobby1');
    assert.deepEqual(await texts(cat, '.msg .text'), ['in the lobby']);

    /* leaving */

    await bob.click('[aria-label="Leave tea"]');
    await gone(ann, '#people .label', 'Bob');
    await has(ann, '.news', 'Bob left');
    await say(ann, 'alone now');
    await has(ann, '.msg .text', 'alone now');
    assert.deepEqual(await texts(bob, '.msg .text'), ['in the lobby']);
  });


  it('shows who is typing', async () => {
    const ann = await open('Ann'), bob = await open('Bob');

    await has(ann, '#people .label', 'Bob');

    /* volatile: it may be dropped once, not always */

    await lib.until(async () => {
      await bob.fill('#text', '');
      await bob.locator('#text').pressSequentially('He');
      await ann.waitForFunction(() => document.querySelector('#typing')
        .textContent === 'Bob is typing\u2026', null, { timeout: 500 })
        .catch(() => null);
      return (await texts(ann, '#typing'))[0] !== '';
    }, 15000, '"Bob is typing"');

    await bob.press('#text', 'Enter');
    await shows(ann, '#typing', '');
  });


  it('private messages reach one person', async () => {
    const ann = await open('Ann'), bob = await open('Bob'),
          cat = await open('Cat');

    await has(ann, '#people .label', 'Bob');
    await has(cat, '#people .label', 'Bob');
    await ann.locator('#people .open').filter({ hasText: 'Bob' }).click();
    await shows(ann, '#title', 'Bob');
    await say(ann, 'between us');
    await has(bob, '#directs .badge', '1');
    await bob.locator('#directs .open').click();
    await has(bob, '.msg .text', 'between us');
    await say(bob, 'understood');
    await has(ann, '.msg .text', 'understood');
    assert.deepEqual(await texts(cat, '.msg .text, #directs li'), []);

    await close(bob);
    await has(ann, '.news', 'Bob left');
    await say(ann, 'too late');
    await has(ann, '#trouble', 'this person has left');
  });


  it('sees people go, and takes them back', async () => {
    const ann = await open('Ann'), bob = await open('Bob');

    await has(ann, '#people .label', 'Bob');
    await bob.reload();
    await has(ann, '.news', 'Bob left');
    await lib.until(async () =>
      (await texts(ann, '.news')).filter((t) => t === 'Bob joined')
        .length === 2, 10000, '"Bob joined"');
    await shows(bob, '#me', 'Bob');
    await shows(bob, '#transport', 'websocket');
    await close(bob);
    await gone(ann, '#people .label', 'Bob');
  });


  it('fits a small screen', async () => {
    const page = await open('Ann', { viewport: { width: 360, height: 640 },
                                     colorScheme: 'dark' });

    await say(page, 'long '.repeat(60));
    await has(page, '.msg .text', 'long');
    assert.ok(await page.evaluate(() =>
      document.documentElement.scrollWidth <= innerWidth
      && document.documentElement.scrollHeight <= innerHeight));
    assert.ok(await page.locator('#send').isVisible());
    assert.ok(await page.locator('#people .open').first().isVisible());
  });


  it('has no errors on the console', () => {
    assert.deepEqual(errors, []);
  });
});
