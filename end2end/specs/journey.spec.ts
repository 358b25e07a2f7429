// The whole story with three browsers on footage that the test makes: four shots dropped at once, mark, grow, paint, a cause and what
// becomes of it, review, a removal that is cancelled and run again, changes, second version. Nothing is typed outside the browser.

import { join as path } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { dropFiles } from '../lib/drop';
import { becomeOwner, inviteLink, join, makeProject } from '../lib/people';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 300_000 });

const SCALE = 4;

/** Clicks the picture at a place of the plate. */
async function clickPlate(page: Page, picture: Locator, x: number, y: number, plate: { width: number; height: number }) {
  const box = (await picture.boundingBox())!;
  const scale = Math.min(box.width / plate.width, box.height / plate.height);
  const left = box.x + (box.width - plate.width * scale) / 2;
  const top = box.y + (box.height - plate.height * scale) / 2;
  await page.mouse.click(left + x * scale, top + y * scale);
}

test('from upload to a second version', async ({ page, browser, server }) => {
  const said: string[] = [];
  // Large enough that somebody can look at the removal, and stop it.
  const clip = movingSquare(path(server.dataDir, 'square.mp4'), 20, SCALE);
  const others = [10, 11, 12].map((frames) => movingSquare(path(server.dataDir, `other-${frames}.mp4`), frames));

  await becomeOwner(page);
  await makeProject(page, 'Journey');
  const board = page.url();
  await dropFiles(page, [clip, ...others].map((one) => one.path));
  // How far each is, then all of them.
  await expect(page.locator('.card').filter({ hasText: /Read plate( · \d+ %|: waiting)/ }).first()).toBeVisible({ timeout: 60_000 });
  await expect(page.locator('.card[data-phase="ready"]')).toHaveCount(4, { timeout: 60_000 });

  const artistLink = await inviteLink(page, 'artist', 'Journey');
  const supervisorLink = await inviteLink(page, 'supervisor', 'Journey');
  const [artistContext, artist] = await join(browser, artistLink, 'Artist');
  const [supervisorContext, supervisor] = await join(browser, supervisorLink, 'Supervisor');
  for (const each of [artist, supervisor]) listen(each, (text) => said.push(text));

  // The artist clicks the square and lets the mask grow.
  await open(artist, new URL(board).pathname);
  await artist.getByRole('link', { name: 'square' }).first().click();
  const picture = artist.getByRole('img', { name: /frame/i }).first();
  await expect(picture).toHaveAttribute('data-frame', '0');
  await artist.keyboard.press('x');
  await clickPlate(artist, picture, 62 * SCALE, 92 * SCALE, clip);
  await expect(artist.getByRole('button', { name: 'Grow mask over the shot' })).toBeEnabled();

  // The supervisor watches the same shot and never reloads.
  await open(supervisor, new URL(artist.url()).pathname.replace(/targets$/, 'quadmask'));

  await artist.getByRole('button', { name: 'Grow mask over the shot' }).click();
  await expect(artist.getByText(`Target covered on ${clip.frames}/${clip.frames} frames`)).toHaveCount(0);
  await artist.getByRole('link', { name: /Quadmask/ }).click();
  const covered = new RegExp(`covered on ${clip.frames}/${clip.frames} frames`);
  await expect(artist.getByText(covered)).toBeVisible({ timeout: 60_000 });
  await expect(supervisor.getByText(covered)).toBeVisible();

  // A dab of the brush, and a cause with one cell on the whole shot.
  await artist.keyboard.press('b');
  await clickPlate(artist, picture, 110 * SCALE, 92 * SCALE, clip);
  await artist.getByLabel('What else changes').fill('Shadow');
  await artist.getByRole('button', { name: 'Add cause' }).click();
  await expect(artist.getByLabel('What changes')).toHaveValue('Shadow');
  await artist.getByLabel('What becomes of it').selectOption('vanish');
  await artist.keyboard.press('Shift+G');
  await clickPlate(artist, picture, 62 * SCALE, 130 * SCALE, clip);

  await artist.getByRole('button', { name: /^Send quadmask v\d to review/ }).click();
  await artist.getByRole('dialog').getByRole('button', { name: /send/i }).click();
  await expect(artist.getByText('Quadmask v1 in review').first()).toBeVisible();

  // It arrives; approving starts the removal.
  await expect(supervisor.getByText('Quadmask v1 in review').first()).toBeVisible();
  await supervisor.getByRole('button', { name: 'Approve quadmask v1' }).click();
  await supervisor.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
  // It runs in named steps, is stopped, and run again.
  await artist.getByRole('link', { name: /Removal/ }).first().click();
  await expect(artist.getByText('Gathering background')).toBeVisible({ timeout: 60_000 });
  await artist.getByRole('button', { name: 'Cancel', exact: true }).click();
  await expect(artist.getByText('Cancelled').first()).toBeVisible({ timeout: 60_000 });
  await artist.getByRole('button', { name: /^Run/ }).first().click();
  await expect(artist.getByText('Result v1 in review').first()).toBeVisible({ timeout: 120_000 });

  // They look, wipe, and ask for changes.
  await supervisor.getByRole('link', { name: /Review/ }).click();
  await supervisor.getByRole('tab', { name: 'Result' }).click();
  await expect(supervisor.getByText('Proof of v1')).toBeVisible();
  await expect(supervisor.locator('.proof')).toContainText(`${clip.width}×${clip.height} · ${clip.frames} frames`);
  await supervisor.keyboard.press('w');
  await expect(supervisor.getByLabel('Wipe: plate left, result right')).toBeVisible();
  await supervisor.getByRole('button', { name: 'Ask for changes' }).click();
  await supervisor.getByRole('dialog').getByLabel('What should change').fill('The right edge shows a rim.');
  await supervisor.getByRole('dialog').getByRole('button', { name: /ask/i }).click();
  await expect(artist.getByText('Result v1: changes asked').first()).toBeVisible();

  // The artist re-opens, edits, sends; version 2 comes.
  await artist.getByRole('link', { name: /Quadmask/ }).first().click();
  await artist.getByRole('button', { name: /Re-open/ }).first().click();
  await artist.getByRole('dialog').getByRole('button', { name: /re-open/i }).click();
  await expect(artist.getByRole('button', { name: /^Send quadmask v\d to review/ })).toBeVisible();
  // What was approved holds until something changes, and is stale from then on, as it says.
  const approvalOf = (of: Page) => of.locator('.mask-version').filter({ hasText: 'v1' }).locator('.decision');
  await expect(approvalOf(artist)).toContainText('Approved');
  await expect(approvalOf(artist)).not.toContainText('stale');
  await artist.keyboard.press('b');
  await clickPlate(artist, picture, 150 * SCALE, 92 * SCALE, clip);
  await expect(approvalOf(artist)).toContainText('stale');
  // On a slow line: what is sent holds the stroke that was still on its way.
  await artist.route(/\/draw_stroke\d*$/, async (route) => {
    await new Promise((done) => setTimeout(done, 1_500));
    await route.continue();
  });
  await clickPlate(artist, picture, 130 * SCALE, 92 * SCALE, clip);
  await artist.getByRole('button', { name: /^Send quadmask v\d to review/ }).click();
  await artist.getByRole('dialog').getByRole('button', { name: /send/i }).click();
  await expect(supervisor.getByText('Quadmask v2 in review').first()).toBeVisible();
  await supervisor.getByRole('link', { name: /Quadmask/ }).click();
  await expect(approvalOf(supervisor)).toContainText('stale');
  await supervisor.getByRole('button', { name: 'Approve quadmask v2' }).click();
  await supervisor.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
  await expect(artist.getByText('Result v2 in review').first()).toBeVisible({ timeout: 90_000 });

  expect(said, 'warnings and errors in the other browsers').toEqual([]);
  await artistContext.close();
  await supervisorContext.close();
});
