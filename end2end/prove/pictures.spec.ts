// The README's pictures, taken of the demo project: `cargo xtask prove pictures`.

import { join } from 'node:path';
import { goTo } from '../lib/desk';
import { becomeOwner } from '../lib/people';
import { root } from '../lib/place';
import { record } from '../lib/proof';
import { expect, open, test } from '../lib/test';

test.use({ serverOptions: { demo: true } });

const PICTURES = join(root, 'end2end/screenshots');

test('the board and the quadmask step are photographed', async ({ page }) => {
  await becomeOwner(page);
  await page.getByRole('link', { name: /Demo/ }).first().click();
  await page.waitForURL(/\/projects\//);
  // A shot in every phase that lasts.
  await expect(page.locator('.card')).toHaveCount(10, { timeout: 1_200_000 });
  for (const phase of ['run_failed', 'result_changes', 'result_review', 'approved', 'quadmask_approved']) {
    await expect(page.locator(`.card[data-phase="${phase}"]`)).toHaveCount(1, { timeout: 1_200_000 });
  }
  await expect(page.getByText('Queue: 0')).toBeVisible({ timeout: 60_000 });
  // It was busy for minutes, and was there all the time.
  await expect(page.getByText('No worker is running')).toHaveCount(0);
  await open(page, new URL(page.url()).pathname);
  await expect(page.getByText('Plate refused')).toBeVisible();
  // Not until the network is idle: the stream of events never is.
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  await page.screenshot({ path: join(PICTURES, 'board.png') });

  // Of the quadmask step, a shot that is in review, where its shadow falls widest.
  await page.getByRole('link', { name: 'cast-shadow' }).first().click();
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await goTo(page, 23);
  await expect(page.getByText('Shadow of the vase').first()).toBeVisible();
  await page.waitForTimeout(1_000);
  await page.screenshot({ path: join(PICTURES, 'quadmask.png') });
  record({ pictures: ['board.png', 'quadmask.png'] });
});
