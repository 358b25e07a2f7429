// The least that has to work: the server answers, sends a page with its style sheet and icon, and the client takes it over.

import { expect, test } from '../lib/test';

test.use({ serverOptions: { worker: false } });

test('the server says that it is well', async ({ request }) => {
  expect((await request.get('/healthz')).status()).toBe(200);
});

test('the first page is styled, has its icon, and a clean console', async ({ page, request }) => {
  const answer = await page.goto('/');
  expect(answer?.status()).toBe(200);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  const sheets = await page.evaluate(() => [...document.styleSheets].map((sheet) => sheet.cssRules.length));
  expect(Math.max(0, ...sheets)).toBeGreaterThan(10);
  for (const icon of ['/favicon.ico', '/favicon.svg']) {
    expect((await request.get(icon)).status(), icon).toBe(200);
  }
});

test('the client arrives with the right type', async ({ request }) => {
  const wasm = await request.get('/pkg/minus-one_bg.wasm');
  expect(wasm.status()).toBe(200);
  expect(wasm.headers()['content-type']).toBe('application/wasm');
});
