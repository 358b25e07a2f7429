// The lanes under the timeline say where the two layers meet: painted so, or primary in a marked cell.

import { join } from 'node:path';
import { ask } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo } from '../lib/desk';
import { look } from '../lib/look';
import { becomeOwner, makeProject, signInOwner } from '../lib/people';
import { expect, test } from '../lib/test';

test.describe.configure({ timeout: 120_000 });

test('the overlap lane follows the brush, the cells and undo', async ({ page, server }) => {
  const clip = movingSquare(join(server.dataDir, 'square.mp4'));
  await becomeOwner(page);
  await makeProject(page, 'Lanes');
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await page.getByRole('link', { name: /Quadmask/ }).click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  const lane = (name: string) => page.locator(`.timeline__lane[data-lane="${name}"] .timeline__run`);
  const titles = () => lane('overlap').evaluateAll((runs) => runs.map((run) => run.getAttribute('title')));

  // A dab of primary on the fifth frame is no overlap yet.
  await goTo(page, 4);
  await page.keyboard.press('1');
  await clickPlate(page, 82, 92, clip);
  await expect(lane('primary')).toHaveCount(1);
  await expect(lane('overlap')).toHaveCount(0);

  // A cause whose cell lies over it, on the whole shot: overlap where the primary is, and nowhere else.
  await page.getByLabel('What else changes').fill('Shadow');
  await page.getByRole('button', { name: 'Add cause' }).click();
  await expect(page.getByLabel('What changes')).toHaveValue('Shadow');
  await page.keyboard.press('Shift+G');
  await page.getByRole('button', { name: 'Whole shot' }).click();
  await clickPlate(page, 82, 92, clip);
  await expect.poll(titles).toEqual(['Overlap: 1005']);
  await expect(lane('affected')).toHaveCount(1);

  // Painted as both on two more frames.
  for (const frame of [9, 10]) {
    await goTo(page, frame);
    await page.keyboard.press('2');
    await clickPlate(page, 200, 40, clip);
    await expect.poll(async () => (await titles()).length).toBe(2);
  }
  await expect.poll(titles).toEqual(['Overlap: 1005', 'Overlap: 1010–1011']);
  await page.keyboard.press('Control+z');
  await expect.poll(titles).toEqual(['Overlap: 1005', 'Overlap: 1010']);

  // Cells and the cause itself are steps of the same way back, in the order they were made.
  const causes = page.getByLabel('What changes');
  const undo = async (check: () => Promise<void>) => {
    await page.keyboard.press('Control+z');
    await check();
  };
  await undo(() => expect.poll(titles).toEqual(['Overlap: 1005']));
  await undo(() => expect.poll(titles).toEqual([]));
  await expect(lane('primary')).toHaveCount(1);
  await expect(causes).toHaveCount(1);
  await undo(() => expect(causes).toHaveCount(0));
  await undo(() => expect(lane('primary')).toHaveCount(0));
  for (let step = 0; step < 5; step += 1) {
    await page.keyboard.press('Control+Shift+z');
    await page.waitForTimeout(300);
  }
  await expect.poll(titles).toEqual(['Overlap: 1005', 'Overlap: 1010–1011']);
  await expect(causes).toHaveValue('Shadow');

  // A cause that was deleted comes back with its cells.
  await page.getByRole('button', { name: 'Delete Shadow' }).click();
  await expect.poll(titles).toEqual(['Overlap: 1010–1011']);
  await undo(() => expect.poll(titles).toEqual(['Overlap: 1005', 'Overlap: 1010–1011']));
  await expect(page.getByText('“Shadow” is back')).toBeVisible();
  await look(page, 'undo', 'cause-is-back');
});

test('what was painted goes back to the segmenter when it is released', async ({ page, server }) => {
  const clip = movingSquare(join(server.dataDir, 'released.mp4'), 8);
  await signInOwner(page);
  await makeProject(page, 'Paint');
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'released' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.keyboard.press('x');
  await clickPlate(page, 62, 92, clip);
  const tab = (name: RegExp) => page.getByRole('link', { name }).first().click();
  const area = async () => {
    const words = await page.getByText(/^f1004: /).textContent();
    return Number(/([0-9]+) px primary/.exec(words!)![1]);
  };
  const grow = async () => {
    await tab(/Targets/);
    // By the jobs: what was grown already is grown again before anybody sees that it runs.
    const done = () => ask(server.dataDir, "select 1 from job where kind = 'segment' and state = 'done'").length;
    const before = done();
    await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
    const card = page.getByRole('region', { name: 'Grow primary mask' });
    await expect.poll(done, { timeout: 60_000 }).toBe(before + 1);
    await tab(/Quadmask/);
    await expect(page.getByText(`covered on ${clip.frames}/${clip.frames} frames`)).toBeVisible({ timeout: 60_000 });
    await expect(card).toHaveCount(0, { timeout: 60_000 });
    await goTo(page, 3);
  };
  await grow();
  const grown = await area();
  await page.keyboard.press('1');
  await clickPlate(page, 280, 30, clip);
  await expect(page.getByText(/· painted/)).toBeVisible();
  const painted = await area();
  expect(painted).toBeGreaterThan(grown + 100);
  await grow();
  expect(await area()).toBeGreaterThan(grown + 100);

  // Locking and freeing the frame leaves the paint and says so; releasing it is a step of its own that can be taken back.
  await page.keyboard.press('Shift+K');
  await expect(page.getByText(/· painted · locked/)).toBeVisible();
  await page.keyboard.press('Shift+K');
  await expect(page.getByText(/but for what is painted on it/)).toBeVisible();
  await look(page, 'undo', 'release-paint');
  const release = page.getByRole('button', { name: 'Release paint' });
  await release.click();
  await expect(release).toHaveCount(0);
  await page.keyboard.press('Control+z');
  await expect(release).toBeVisible();
  await page.keyboard.press('Control+Shift+z');
  await expect(release).toHaveCount(0);
  await grow();
  expect(await area()).toBeLessThan(grown + 100);
});
