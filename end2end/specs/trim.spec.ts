// A shot is a part of its plate: trimmed before it is marked, cut into shots of their own at any time.

import { join } from 'node:path';
import { movingSquare } from '../lib/clips';
import { goTo, onPlate } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { expect, test } from '../lib/test';

test.describe.configure({ timeout: 120_000 });

test('a shot is trimmed to in and out, cut, and made whole again', async ({ page, server }) => {
  const clip = movingSquare(join(server.dataDir, 'square.mp4'));
  await becomeOwner(page);
  await makeProject(page, 'Ranges');
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  const count = page.locator('.transport__count');
  await expect(count).toContainText(`of ${clip.frames}`);

  const mark = async (from: number, to: number) => {
    await goTo(page, from);
    await page.keyboard.press('i');
    await goTo(page, to);
    await page.keyboard.press('o');
  };
  // What is red in the middle of the square says which picture of the plate is on the canvas.
  const isRedAt = async (x: number) => {
    const at = await onPlate(page, x, 92, clip);
    const shot = await page.screenshot({ clip: { x: at.x - 2, y: at.y - 2, width: 4, height: 4 } });
    const [red, green] = await page.evaluate(async (png) => {
      const picture = await createImageBitmap(new Blob([new Uint8Array(png)]));
      const canvas = new OffscreenCanvas(4, 4);
      const context = canvas.getContext('2d')!;
      context.drawImage(picture, 0, 0);
      return [...context.getImageData(2, 2, 1, 1).data];
    }, [...shot]);
    return red > 150 && green < 110;
  };

  await mark(4, 13);
  await expect(page.getByText('In to out: 1005–1014, 10 frames.')).toBeVisible();
  await page.getByRole('button', { name: 'Trim the shot to it' }).click();
  await expect(count).toContainText('of 10', { timeout: 60_000 });
  await expect(page.getByText('This shot is pictures 5 to 14 of its plate.')).toBeVisible();
  await expect(page.getByLabel('Timecode: type')).toHaveValue(/00:00:00:\d\d/);
  await goTo(page, 0);
  await expect.poll(() => isRedAt(40 + 6 * 4 + 22)).toBe(true);
  expect(await isRedAt(45), 'the first picture of the plate is not shown').toBe(false);

  // A part of the part becomes a shot of its own; this one stays.
  await mark(2, 5);
  await page.getByRole('button', { name: 'New shot from it' }).click();
  await expect(page.getByText('This shot is pictures 7 to 10 of its plate.')).toBeVisible({ timeout: 60_000 });
  await expect(count).toContainText('of 4', { timeout: 60_000 });
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');

  await page.getByRole('button', { name: 'Use the whole plate' }).click();
  await expect(count).toContainText(`of ${clip.frames}`, { timeout: 60_000 });
  await expect(page.getByText('of its plate')).toHaveCount(0);
});
