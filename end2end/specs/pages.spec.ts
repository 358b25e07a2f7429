// Every page loaded directly: its words come from the server, the client takes them over without a complaint in the
// console, and what it shows can be used without sight or mouse (axe).

import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { becomeOwner, makeProject } from '../lib/people';
import { expect, open, test } from '../lib/test';

test.describe.configure({ mode: 'serial', timeout: 150_000 });

let page: Page;
let paths: Record<string, string>;
const said: string[] = [];

test('a project with one shot is made', async ({ browser, server }) => {
  const context = await browser.newContext({ baseURL: server.baseURL, viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) said.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => said.push(`${page.url()}: ${error.message}`));
  await becomeOwner(page);
  await makeProject(page, 'Pages');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(movingSquare(join(server.dataDir, 'square.mp4')).path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  const shot = (await page.getByRole('link', { name: 'square' }).first().getAttribute('href'))!.replace(/[^/]+$/, '');
  paths = {
    '/': 'Pages',
    '/people': 'Owner',
    '/jobs': 'Read plate',
    '/models': 'VOID, pass 1 and pass 2',
    '/profile': 'Where you signed in',
    '/audit': 'made a project',
    '/needs-me': 'Nothing waits for you',
    '/inbox': 'Nothing has happened yet',
    [board]: 'square',
    [`${board}/settings`]: 'Who must approve',
    [`${shot}targets`]: 'square',
    [`${shot}quadmask`]: 'square',
    [`${shot}removal`]: 'square',
    [`${shot}review`]: 'square',
  };
});

test('the server sends the words of every page', async () => {
  for (const [path, word] of Object.entries(paths)) {
    const html = await (await page.request.get(path)).text();
    const body = html.slice(html.indexOf('<body')).replace(/<script[\s\S]*?<\/script>/g, '');
    expect(body, `the page of ${path} as the server sends it`).toContain(word);
  }
});

test('the client takes every page over with a clean console', async () => {
  for (const path of Object.keys(paths)) {
    await open(page, path);
    await page.waitForTimeout(300);
  }
  expect(said).toEqual([]);
});

for (const size of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`axe finds nothing serious at ${size.width}×${size.height}`, async () => {
    await page.setViewportSize(size);
    for (const path of Object.keys(paths)) {
      await open(page, path);
      await page.waitForTimeout(200);
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      const words = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ').slice(0, 600)}`);
      expect(words, path).toEqual([]);
    }
  });
}

test('no page is wider than a phone', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of Object.keys(paths)) {
    await open(page, path);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide, path).toBeLessThanOrEqual(390);
  }
});
