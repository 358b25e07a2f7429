// The least that has to work: the server answers, sends a page with its style sheet and icon, and the client takes it over.

import { expect, open, test } from '../lib/test';

test.use({ serverOptions: { worker: false } });

test('the server says that it is well', async ({ request }) => {
  expect((await request.get('/healthz')).status()).toBe(200);
});

test('the first page is styled, has its icon, and a clean console', async ({ page, request }) => {
  const answer = await page.goto('/');
  expect(answer?.status()).toBe(200);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  const space = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--space-2'));
  expect(space, 'a token of style/tokens.css').not.toBe('');
  for (const icon of ['/favicon.ico', '/favicon.svg']) {
    expect((await request.get(icon)).status(), icon).toBe(200);
  }
});

test('the client takes the page over', async ({ page }) => {
  await open(page, '/');
});

test('the client arrives with the right type', async ({ request }) => {
  const wasm = await request.get('/pkg/minus-one_bg.wasm');
  expect(wasm.status()).toBe(200);
  expect(wasm.headers()['content-type']).toBe('application/wasm');
});
