// Files dragged from the desktop onto the page, as the browser itself reports them.

import type { Page } from '@playwright/test';
import { expect } from './test';

/** Drags `files` over the middle of the page until it says where they go, and lets go. A hand that is too early keeps moving. */
export async function dropFiles(page: Page, files: string[]): Promise<void> {
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  const session = await page.context().newCDPSession(page);
  const size = page.viewportSize()!;
  const COPY = 1;
  const at = { x: size.width / 2, y: size.height / 2, data: { items: [], files, dragOperationsMask: COPY } };
  const told = page.getByText('Drop to add shots');
  await expect(async () => {
    await session.send('Input.dispatchDragEvent', { type: 'dragEnter', ...at });
    await session.send('Input.dispatchDragEvent', { type: 'dragOver', ...at });
    await expect(told).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 20_000 });
  // What says so lies under the pointer now: as a hand does, it moves over that before it lets go.
  await expect(async () => {
    await session.send('Input.dispatchDragEvent', { type: 'dragOver', ...at });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
    await session.send('Input.dispatchDragEvent', { type: 'drop', ...at });
    await expect(told).toHaveCount(0, { timeout: 1_000 });
  }).toPass();
  await session.detach();
}
