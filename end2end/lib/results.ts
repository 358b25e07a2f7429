// A shot with a first result, made as an artist and a supervisor make one: target, mask, review, approval, removal.

import { expect, type Page } from '@playwright/test';
import type { Clip } from './clips';
import { clickPlate } from './desk';

/** Uploads the clip to the project whose board is open and ends on the review of its first result. */
export async function firstResult(page: Page, clip: Clip, name: string, target: [number, number]): Promise<void> {
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await resultOf(page, clip, name, target);
  await expect(page.getByRole('tab', { name: /Comments/ })).toBeVisible();
}

/** The same for a shot that is ready on the board. */
export async function resultOf(page: Page, clip: Clip, name: string, target: [number, number]): Promise<void> {
  await page.getByRole('link', { name }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await approved(page, clip, target);
  await page.getByRole('link', { name: /Review/ }).first().click();
}

/** From the targets step with the plate on it to the first result, which comes by itself: target, mask, review, approval. */
export async function approved(page: Page, clip: Clip, target: [number, number]): Promise<void> {
  await sent(page, clip, target);
  await approve(page);
  await expect(page.getByText('Result v1 in review').first()).toBeVisible({ timeout: 90_000 });
}

/** From the targets step with the plate on it to a quadmask in review. */
export async function sent(page: Page, clip: Clip, target: [number, number]): Promise<void> {
  await page.keyboard.press('x');
  await clickPlate(page, ...target, clip);
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(page.getByText(`covered on ${clip.frames}/${clip.frames} frames`)).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('region', { name: 'Grow primary mask' })).toHaveCount(0, { timeout: 60_000 });
  await page.getByRole('button', { name: /^Send quadmask v\d to review/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: /send/i }).click();
}

/** Approves the first quadmask, which starts its removal. */
export async function approve(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Approve quadmask v1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
}
