// The draft on the server: a second editor sees who edits and takes over, and growing its mask is stopped from the page.

import { writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import type { Page } from '@playwright/test';
import { ask } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo } from '../lib/desk';
import { becomeOwner, inviteLink, join, makeProject, signInOwner } from '../lib/people';
import { greyPng, zipped } from '../lib/quadmasks';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 240_000 });

/** What the panel says of the first frame's mask. */
const firstFrame = (page: Page) => page.getByText(/^f1001: /);

test('a second editor sees who edits, and takes over', async ({ page, browser, server }) => {
  const clip = movingSquare(path(server.dataDir, 'square.mp4'), 8);
  await becomeOwner(page);
  await makeProject(page, 'Two editors');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  const [context, artist] = await join(browser, await inviteLink(page, 'artist', 'Two editors'), 'Artist');
  const said: string[] = [];
  listen(artist, (text) => said.push(text));

  await open(artist, board);
  await artist.getByRole('link', { name: 'square' }).first().click();
  await artist.getByRole('link', { name: /Quadmask/ }).click();
  await expect(artist.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await artist.keyboard.press('1');
  await clickPlate(artist, 82, 92, clip);
  await expect(firstFrame(artist)).toContainText('px primary');
  const painted = (await firstFrame(artist).textContent())!;

  // The second one sees whose turn it is, and paints nothing.
  await open(page, new URL(artist.url()).pathname);
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  const line = page.locator('.editor-line');
  await expect(line).toContainText('Artist is editing');
  await expect(artist.locator('.editor-line')).toHaveCount(0);
  await page.keyboard.press('1');
  await clickPlate(page, 200, 40, clip);
  await expect(page.getByText('Artist is editing this quadmask. Take over in the panel if you must.')).toBeVisible();
  await expect(firstFrame(page)).toHaveText(painted);

  // Taken over: the first one is told without reloading, and their next stroke is refused in words.
  await line.getByRole('button', { name: 'Take over' }).click();
  await expect(line).toHaveCount(0);
  await expect(artist.locator('.editor-line')).toContainText('Owner is editing');
  await clickPlate(artist, 240, 120, clip);
  await expect(artist.getByText('Owner is editing this quadmask. Take over in the panel if you must.')).toBeVisible();
  await clickPlate(page, 200, 40, clip);
  await expect(firstFrame(page)).not.toHaveText(painted);
  await expect(firstFrame(artist)).toHaveText((await firstFrame(page).textContent())!);
  // One stroke of each is kept.
  const edits = ask(
    server.dataDir,
    'select p.name from draft_edit e join person p on p.person_id = e.person_id order by e.edit',
  );
  expect(edits.map((row) => row.name)).toEqual(['Artist', 'Owner']);

  expect(said, 'warnings and errors in the other browser').toEqual([]);
  await context.close();
});

test('growing a mask is cancelled, and the mask that was there stays', async ({ page, server }) => {
  const frames = 40;
  // Three targets on large footage: the mask that is there gives way only while the last of them is followed, long after the cancel.
  const clip = movingSquare(path(server.dataDir, 'grown.mp4'), frames, 4);
  const masks = path(server.dataDir, 'masks.zip');
  const grey = Buffer.alloc(clip.width * clip.height, 255);
  for (let y = 300; y < 500; y += 1) grey.fill(0, y * clip.width + 100, y * clip.width + 400);
  const png = greyPng(clip.width, clip.height, grey);
  writeFileSync(masks, zipped(Array.from({ length: frames }, (_, frame): [string, Buffer] => [`m.${frame + 1}.png`, png])));
  await signInOwner(page);
  await makeProject(page, 'Growing');
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'grown' }).first().click();
  await page.getByRole('link', { name: /Quadmask/ }).click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.locator('.transfer input[type=file]').setInputFiles(masks);
  await expect(page.getByText(`covered on ${frames}/${frames} frames`)).toBeVisible({ timeout: 60_000 });

  await page.getByRole('link', { name: /Targets/ }).first().click();
  const [{ shot }] = ask(server.dataDir, "select shot_id as shot from shot where name = 'grown'");
  const marked = () => ask(server.dataDir, `select points from target where shot_id = '${shot}' and points <> '[]'`).length;
  for (const [at, frame] of [0, 10, 20].entries()) {
    await page.getByRole('button', { name: 'Add target' }).click();
    await expect(page.getByLabel('Target name')).toHaveCount(at + 1);
    await goTo(page, frame);
    await page.keyboard.press('x');
    await clickPlate(page, (62 + 6 * frame) * 4, 92 * 4, clip);
    await expect.poll(marked).toBe(at + 1);
  }
  // Answers to the clicks change their frames: the last of them is waited for.
  await expect.poll(() => ask(server.dataDir, 'select frame from click').length, { timeout: 60_000 }).toBe(0);
  const kept = () => ask(server.dataDir, `select frame, levels, locks from draft_frame where shot_id = '${shot}' order by frame`);
  const before = kept();
  expect(before).toHaveLength(frames);

  const grow = page.getByRole('button', { name: 'Grow mask over the shot' });
  await grow.click();
  const card = page.getByRole('region', { name: 'Grow primary mask' });
  await expect(card.locator('.job__state')).toHaveText('running', { timeout: 60_000 });
  await card.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(card.locator('.job__state')).toHaveText('cancelled', { timeout: 60_000 });
  await expect(grow).toBeEnabled();
  expect(kept()).toEqual(before);
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(page.getByText(`covered on ${frames}/${frames} frames`)).toBeVisible();
});
