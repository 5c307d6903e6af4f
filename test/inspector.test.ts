/** The inspector's page in a real browser: the key, the live list, the panel, nothing from elsewhere. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium, type Browser, type Page } from 'playwright-core';
import { domainXml, KEY, WEB1 } from '../fixtures/api-server.js';
import { HOST, streamWorld, type StreamWorld } from '../fixtures/event-client.js';
import { ensurePackages } from '../fixtures/packages.js';
import { addressOf } from '../runtime/address.js';

const WAIT = { timeout: 15_000 };

describe('inspector', () => {
  let made: StreamWorld;
  let browser: Browser;
  let page: Page;
  const asked: string[] = [];
  const faults: string[] = [];
  before(async () => {
    await ensurePackages(['chromium'], () => undefined);
    made = await streamWorld();
    made.world.addVm(domainXml('web1', WEB1), 'running', 'hv2');
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    });
    page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    page.on('request', (request) => asked.push(request.url()));
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (line) => (line.text().includes('Content Security') ? faults.push(line.text()) : undefined));
  });
  after(async () => {
    await browser.close();
    await made.stop();
  });

  /** Looked at from outside: Playwright's waiting for a function evaluates text, which the page's policy forbids. */
  async function rowsAre(count: number): Promise<void> {
    await page.locator('.row[tabindex]').nth(count - 1).waitFor(WAIT);
    await page.locator('.row[tabindex]').nth(count).waitFor({ ...WAIT, state: 'detached' });
  }

  test('asks for the key, refuses a wrong one, lists every actor and follows it live', async () => {
    await page.goto(`http://${HOST}:${made.port}/inspect`);
    await page.fill('#key', 'wrong', WAIT);
    await page.click('button');
    await page.waitForSelector('form .bad', WAIT);
    await page.fill('#key', KEY);
    await page.click('button');
    await page.waitForSelector('.link.live', WAIT);
    await rowsAre(4);
    made.world.step(addressOf('vm', WEB1), { value: { migrating: 'copying' }, event: { type: 'vm.migrate' } });
    await page.waitForSelector('.chip.busy >> text=copying', WAIT);
    made.world.addVm(domainXml('late'), { off: 'stopped' }, 'hv1');
    await rowsAre(5);
  });

  test('filters, shows a record, fits 360 px', async () => {
    await page.fill('#filter', 'web1');
    await rowsAre(1);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
    await page.click('.row[tabindex]');
    await page.waitForSelector('aside >> text=vm.migrate', WAIT);
    assert.match((await page.textContent('aside')) ?? '', /Its memory is being copied/);
  });

  test('shows letters that wait, effects under way, and the story of a request', async () => {
    const vm = addressOf('vm', WEB1);
    made.world.waitingLetters.set(vm, new Map([['5-a', 90_000], ['5-b', 10]]));
    made.world.step(vm, {
      event: { type: 'vm.migrate' }, cause: { correlation: 'req-5', effects: ['hypervisor.migrate'] },
      record: {
        effects: [{
          effectId: `vm~${WEB1}.k.000000000003.e0`, kind: 'hypervisor.migrate', params: {}, epoch: 1, deadlineMs: 1000,
          correlation: 'req-5', attempt: 3, retry: null, within: null,
        }],
      },
    });
    await page.locator('.mailbox.bad').waitFor(WAIT);
    assert.match((await page.textContent('.mailbox.bad')) ?? '', /^\s*2\s*90 s/);
    await page.waitForSelector('aside >> text=/try 3/', WAIT);
    await page.click('aside .steps .link-like >> nth=0');
    await page.waitForSelector('.story >> text=hypervisor.migrate is under way', WAIT);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
  });

  test('asks nobody but its node and breaks no policy', () => {
    assert.deepEqual([...new Set(asked.map((url) => new URL(url).host))], [`${HOST}:${made.port}`]);
    assert.deepEqual(faults, []);
  });
});
