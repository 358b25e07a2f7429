// What the checks find about a mask before it is run: named with its frames, one click away, ticked by the artist, and seen by
// whoever approves.

import { writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo } from '../lib/desk';
import { look } from '../lib/look';
import { becomeOwner, inviteLink, join, makeProject } from '../lib/people';
import { greyPng, zipped } from '../lib/quadmasks';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 240_000 });

const FRAMES = 12;
/** Frames with a crumb beside the mask. */
const CRUMBS = [3, 4, 5, 8];

/** The square's mask; a crumb beside it on some frames, nothing at all on one. */
function mask(frame: number, width: number, height: number): Buffer {
  const grey = Buffer.alloc(width * height, 255);
  if (frame === 10) return grey;
  const left = 40 + 6 * frame;
  for (let y = 70; y < 114; y += 1) grey.fill(0, y * width + left, y * width + left + 44);
  if (CRUMBS.includes(frame)) grey.fill(0, 20 * width + 280, 20 * width + 282);
  return grey;
}

test('findings lead to their frames, are ticked, go stale, and stand before who approves', async ({ page, browser, server }) => {
  const clip = movingSquare(path(server.dataDir, 'square.mp4'), FRAMES);
  const masks = path(server.dataDir, 'masks.zip');
  const pictures = Array.from({ length: FRAMES }, (_, frame): [string, Buffer] => [
    `m.${frame + 1}.png`,
    greyPng(clip.width, clip.height, mask(frame, clip.width, clip.height)),
  ]);
  writeFileSync(masks, zipped(pictures));
  await becomeOwner(page);
  await makeProject(page, 'Checks');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  const [context, artist] = await join(browser, await inviteLink(page, 'artist', 'Checks'), 'Artist');
  const said: string[] = [];
  listen(artist, (text) => said.push(text));
  await open(artist, board);
  await artist.getByRole('link', { name: 'square' }).first().click();
  // The board has a link with this word too: only once it is gone.
  await expect(artist.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await artist.getByRole('link', { name: /Quadmask/ }).first().click();

  // Without any mask a removal is stopped, and what to do is said.
  const section = artist.getByRole('region', { name: 'Mask checks' });
  const line = (code: string) => section.locator(`.check-line[data-code="${code}"]`);
  await expect(line('coverage')).toContainText('No frame has a primary mask yet');
  await expect(line('coverage')).toContainText('Click the target and grow its mask, or paint it.');

  await artist.locator('.transfer input[type=file]').setInputFiles(masks);
  await expect(line('coverage')).toContainText(`Target covered on ${FRAMES - 1}/${FRAMES} frames`, { timeout: 60_000 });
  await expect(line('coverage')).toContainText('f1011');
  await expect(line('specks')).toContainText('Specks beside the mask on 4 frames, up to 1 on one f1004–f1006 f1009');
  await expect(section.getByText('! 2 to look at')).toBeVisible();
  await look(artist, 'checks', 'found');

  // A click goes to the first frame of what was found.
  await line('specks').getByRole('button', { name: 'f1009' }).click();
  await expect(artist.locator('.stage__picture')).toHaveAttribute('data-frame', '8', { timeout: 30_000 });
  await line('specks').getByRole('button', { name: 'f1004–f1006' }).click();
  await expect(artist.locator('.stage__picture')).toHaveAttribute('data-frame', '3', { timeout: 30_000 });

  // Ticked, it waits for nobody any more; a change of one of its frames brings it back.
  const tick = line('specks').getByLabel('Looked at', { exact: true });
  await tick.check();
  await expect(line('specks')).toContainText('Looked at by Artist');
  await expect(section.getByText('! 1 to look at')).toBeVisible();
  await goTo(artist, 4);
  await artist.keyboard.press('1');
  await clickPlate(artist, 40 + 6 * 4 + 44, 92, clip);
  await expect(line('specks')).toContainText('Somebody looked at it before these masks changed.');
  await expect(tick).not.toBeChecked();
  await expect(section.getByText('! 2 to look at')).toBeVisible();
  await tick.check();
  await expect(line('specks')).toContainText('Looked at by Artist');

  // Who sends and who approves is told once more, with who looked.
  await artist.getByRole('button', { name: 'Send quadmask v1 to review' }).click();
  const dialog = artist.getByRole('dialog');
  await expect(dialog.getByText('What the checks found')).toBeVisible();
  await expect(dialog.getByText('Target covered on 11/12 frames')).toBeVisible();
  await dialog.getByRole('button', { name: 'Send to review' }).click();
  await open(page, new URL(artist.url()).pathname);
  await page.getByRole('button', { name: 'Approve quadmask v1' }).click();
  const asked = page.getByRole('dialog');
  await expect(asked.locator('.check-line[data-code="specks"]')).toContainText('Looked at by Artist');
  await look(page, 'checks', 'approving');
  await asked.getByRole('button', { name: 'Cancel' }).click();

  // They stand before the run, too.
  await page.getByRole('link', { name: /Removal/ }).first().click();
  const before = page.getByRole('region', { name: 'Before it runs' });
  await expect(before.locator('.check-line[data-code="coverage"]')).toContainText('Target covered on 11/12 frames');
  await before.getByRole('button', { name: 'f1011' }).click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '10', { timeout: 30_000 });
  await look(page, 'checks', 'before-the-run');

  expect(said, 'warnings and errors in the other browser').toEqual([]);
  await context.close();
});
