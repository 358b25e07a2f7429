// Targets by every means there is: points that stay, a box, a second target with its own colour; and what is looked for on
// the board stays in the address.

import { join } from 'node:path';
import { ask } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo, onPlate } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: 150_000 });

test('targets by points that go and stay, by a box on another frame, in two colours', async ({ page, server }) => {
  const clip = movingSquare(join(server.dataDir, 'square.mp4'));
  await becomeOwner(page);
  await makeProject(page, 'Targets');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });

  // The board's filter is in the address and comes back with it.
  await page.getByRole('link', { name: /^To mark/ }).click();
  await expect(page).toHaveURL(/\?/);
  const filtered = page.url();
  await open(page, '/');
  await open(page, filtered);
  await expect(page.getByRole('link', { name: /^To mark/ })).toHaveAttribute('aria-current', /true|page/);
  await expect(page.locator('.card')).toHaveCount(1);

  await open(page, board);
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  const saved = () =>
    ask(server.dataDir, 'select name, colour, points, boxes from target order by position').map((row) => ({
      name: row.name,
      colour: row.colour,
      points: JSON.parse(String(row.points)) as { frame: number; x: number; y: number; positive: boolean }[],
      boxes: JSON.parse(String(row.boxes)) as Record<string, number>[],
    }));

  // On a slow line: a second click while the first target is being made is that target's too.
  await page.route(/\/add_target\d*$/, async (route) => {
    await new Promise((done) => setTimeout(done, 1_500));
    await route.continue();
  });
  await page.keyboard.press('x');
  await clickPlate(page, 62, 92, clip);
  await page.keyboard.down('Alt');
  await clickPlate(page, 250, 40, clip);
  await page.keyboard.up('Alt');
  await expect.poll(() => saved()[0]?.points.map((point) => point.positive)).toEqual([true, false]);
  expect(saved()).toHaveLength(1);
  await page.unroute(/\/add_target\d*$/);
  const [goes, stays] = saved()[0].points;
  for (const [point, x, y] of [[goes, 62, 92], [stays, 250, 40]] as const) {
    expect(Math.abs(point.x - x) + Math.abs(point.y - y), 'where it was clicked').toBeLessThan(3);
  }

  // The click is answered on its frame, before anything grows.
  await expect(page.getByText(`The target is covered on 1 of ${clip.frames} frames.`)).toBeAttached({ timeout: 60_000 });
  const masked = () => ask(server.dataDir, 'select frame from draft_frame where primary_area > 0').map((row) => Number(row.frame));
  expect(masked()).toEqual([0]);

  // A second target: a box on a later frame.
  await page.getByRole('button', { name: 'Add target' }).click();
  await expect(page.getByLabel('Target name')).toHaveCount(2);
  await goTo(page, 10);
  await page.keyboard.press('Shift+B');
  const [from, to] = [await onPlate(page, 96, 66, clip), await onPlate(page, 148, 118, clip)];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2);
  await page.mouse.move(to.x, to.y);
  await page.mouse.up();
  await expect.poll(() => saved()[1]?.boxes.length).toBe(1);
  expect(saved()[1].boxes[0]).toMatchObject({ frame: 10 });
  await expect.poll(masked, { timeout: 60_000 }).toEqual([0, 10]);
  const name = page.getByLabel('Target name').nth(1);
  await name.fill('Its twin');
  await name.press('Enter');
  await page.getByLabel('Colour of Its twin').fill('#22aa55');
  await expect.poll(() => [saved()[1].name, String(saved()[1].colour).toLowerCase()]).toEqual(['Its twin', '#22aa55']);

  // Both are there after a reload, and the mask grows from them.
  await page.reload();
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  await expect(page.getByLabel('Target name').nth(1)).toHaveValue('Its twin');
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  // The page itself never scrolls, however long its panel is.
  await expect(page.getByText('is covered on')).toBeAttached({ timeout: 60_000 });
  expect(await page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight)).toBeLessThanOrEqual(0);
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(page.getByText(`covered on ${clip.frames}/${clip.frames} frames`)).toBeVisible({ timeout: 60_000 });
});
