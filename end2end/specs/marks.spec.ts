// A shot's marks go out as VOID's own tools keep them, and come back through the same panel.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { movingSquare } from '../lib/clips';
import { clickPlate } from '../lib/desk';
import { look } from '../lib/look';
import { becomeOwner, makeProject } from '../lib/people';
import { unzipped } from '../lib/quadmasks';
import { expect, test } from '../lib/test';

test.describe.configure({ timeout: 180_000 });

test('clicks and words go out for VOID’s tools and come back', async ({ page, server }) => {
  const clip = movingSquare(join(server.dataDir, 'square.mp4'), 8);
  await becomeOwner(page);
  await makeProject(page, 'Marks');
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.keyboard.press('x');
  await clickPlate(page, 62, 92, clip);
  const name = page.getByLabel('Target name');
  await expect(name).toHaveCount(1);
  await expect(page.locator('.target__prompts .prompt')).toHaveCount(1);

  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  // The click was answered: there is a mask that an import could take the place of.
  await expect(page.getByText(/^f1001: [1-9][0-9]* px primary/)).toBeVisible({ timeout: 60_000 });
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 60_000 }),
    page.getByRole('button', { name: 'Marks for VOID’s tools' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('Marks_square_void.zip');
  const bytes = readFileSync(await download.path());
  const files = unzipped(bytes);
  const info = JSON.parse(files.get('segmentation_info.json')!.toString());
  expect([info.total_frames, info.frame_width, info.frame_height, info.num_points]).toEqual([8, clip.width, clip.height, 1]);
  expect(Object.keys(info.points_by_frame)).toEqual(['0']);
  const config = JSON.parse(files.get('shot_points.json')!.toString());
  expect(config.videos[0].primary_points_by_frame).toEqual(info.points_by_frame);
  await look(page, 'marks', 'transfer');

  // Another click, as VOID's tool for points would add it: the file alone brings it, and takes no mask's place.
  config.videos[0].primary_points_by_frame['3'] = [[80, 92]];
  const edited = join(server.dataDir, 'edited_points.json');
  writeFileSync(edited, JSON.stringify(config));
  const input = page.locator('.transfer input[type=file]');
  await input.setInputFiles(edited);
  await page.getByRole('link', { name: /Targets/ }).first().click();
  await expect(name).toHaveCount(2, { timeout: 60_000 });
  await expect(name.nth(1)).toHaveValue('Clicked in VOID’s tools');

  // Deleted, the target comes back from the archive with its click.
  const first = await name.first().inputValue();
  await page.getByRole('button', { name: `Delete ${first}` }).first().click();
  await expect(name).toHaveCount(1);
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  const archive = join(server.dataDir, 'void.zip');
  writeFileSync(archive, bytes);
  await input.setInputFiles(archive);
  const asks = page.getByRole('dialog', { name: 'Replace the draft?' });
  await asks.getByRole('button', { name: 'Replace the draft' }).click();
  await page.getByRole('link', { name: /Targets/ }).first().click();
  await expect(name).toHaveCount(2, { timeout: 60_000 });
  await expect(name.nth(1)).toHaveValue(first);
});
