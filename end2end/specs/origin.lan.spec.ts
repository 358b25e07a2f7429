// The same page over plain http under another name, where browsers give no secure context.

import { expect, test } from '../lib/test';

test.use({ serverOptions: { worker: false } });

test('the first page comes up on every origin', async ({ page, origin }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  expect(await page.evaluate(() => window.isSecureContext)).toBe(origin === 'localhost');
});
