// Quadmasks out and in again: as PNGs whose numbers cross from four digits to five, and as a movie, exact to the level.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo } from '../lib/desk';
import { look } from '../lib/look';
import { becomeOwner, makeProject, PASSWORD } from '../lib/people';
import { greyOf, greyPng, unzipped, zipped } from '../lib/quadmasks';
import { Studio } from '../lib/studio';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: 240_000 });

const FIRST = 9998;
const FRAMES = 12;

/** All four levels, another picture on each frame. */
function truth(frame: number, width: number, height: number): Buffer {
  const grey = Buffer.alloc(width * height, 255);
  for (const [at, level] of [0, 63, 127].entries()) {
    for (let y = 0; y < 20; y += 1) {
      const from = (20 + 40 * at + y + frame) * width + 10 + 7 * frame;
      grey.fill(level, from, from + 30 + 3 * frame);
    }
  }
  return grey;
}

async function submit(page: Page, n: number): Promise<string> {
  await page.getByRole('button', { name: `Send quadmask v${n} to review` }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Send to review' }).click();
  const pngs = page.getByRole('link', { name: `v${n} as PNGs` });
  await expect(pngs).toBeVisible();
  return (await pngs.getAttribute('href'))!.split('/')[3];
}

/** The worker that a server started. */
function childOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(/\s+/));
  const [child] = children.filter(Boolean).map(Number);
  return child;
}

async function saved(page: Page, click: () => Promise<void>): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download', { timeout: 60_000 }), click()]);
  return readFileSync(await download.path());
}

test('a quadmask goes out and comes back on the same frames', async ({ page, server }) => {
  const clip = movingSquare(join(server.dataDir, 'square.mp4'), FRAMES);
  const wanted = Array.from({ length: FRAMES }, (_, frame) => truth(frame, clip.width, clip.height));
  await becomeOwner(page);
  await makeProject(page, 'Transfer');
  const board = page.url();
  await open(page, `${board}/settings`);
  await page.getByLabel('First frame').fill(String(FIRST));
  await page.getByRole('button', { name: 'Save settings' }).click();
  await expect(page.getByText('Settings saved')).toBeVisible();
  await open(page, board);
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await page.getByRole('link', { name: /Quadmask/ }).click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  const file = (name: string, bytes: Buffer) => {
    const path = join(server.dataDir, name);
    writeFileSync(path, bytes);
    return page.locator('.transfer input[type=file]').setInputFiles(path);
  };
  const asks = page.getByRole('dialog', { name: 'Replace the draft?' });

  // Numbers without leading zeros, in the order of the text, with what a Mac puts beside them.
  const named = wanted.map((grey, frame): [string, Buffer] => [`masks/m.${frame + 1}.png`, greyPng(clip.width, clip.height, grey)]);
  const beside: [string, Buffer] = ['__MACOSX/masks/._m.1.png', Buffer.from('not a picture')];
  const byText = [...named, beside].sort(([a], [b]) => (a < b ? -1 : 1));
  await file('lost.zip', zipped(byText.filter(([name]) => name !== 'masks/m.7.png')));
  await expect(page.getByText(/run from 1 to 12, but number 7 is missing/).first()).toBeVisible({ timeout: 60_000 });
  await file('masks.zip', zipped(byText));
  await expect(page.getByText(`covered on ${FRAMES}/${FRAMES} frames`)).toBeVisible({ timeout: 60_000 });
  await expect(asks).toBeHidden(); // there was nothing to lose

  const first = await submit(page, 1);
  const pngs = await saved(page, () => page.getByRole('link', { name: 'v1 as PNGs' }).click());
  const movie = await saved(page, () => page.getByRole('button', { name: 'v1 as MP4' }).click());
  const out = unzipped(pngs);
  expect([...out.keys()]).toEqual(wanted.map((_, frame) => `quadmask.${String(FIRST + frame).padStart(4, '0')}.png`));
  for (const [frame, png] of [...out.values()].entries()) {
    expect(greyOf(png).equals(wanted[frame]), `frame ${frame}`).toBe(true);
  }

  // Both come back over a draft that somebody changed: asked first, and exact.
  const ids: string[] = [];
  const picture = async (id: string, frame: number) => (await page.request.get(`/media/quadmasks/${id}/${frame}.png`)).body();
  for (const [n, name, bytes] of [[2, 'quadmask.zip', pngs], [3, 'quadmask_0.mp4', movie]] as const) {
    await page.getByRole('button', { name: 'Re-open to edit' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Re-open' }).click();
    // Until then it is read-only, and says so.
    await expect(page.getByRole('button', { name: `Send quadmask v${n} to review` })).toBeVisible();
    await goTo(page, 0, FIRST);
    await page.keyboard.press('1');
    await clickPlate(page, 250, 150, clip);
    const painted = page.getByText(/px primary.* · painted/);
    await expect(painted).toBeVisible();
    await file(name, bytes);
    await expect(asks).toBeVisible();
    if (n === 2) {
      await look(page, 'transfer', 'replace');
      await asks.getByRole('button', { name: 'Keep the draft' }).click();
      await expect(asks).toBeHidden();
      await expect(painted).toBeVisible();
      await file(name, bytes);
    }
    await asks.getByRole('button', { name: 'Replace the draft' }).click();
    await expect(painted).toHaveCount(0, { timeout: 60_000 });
    await expect(page.getByRole('region', { name: /import/i })).toHaveCount(0, { timeout: 60_000 });
    const again = await submit(page, n);
    for (let frame = 0; frame < FRAMES; frame += 1) {
      expect((await picture(again, frame)).equals(await picture(first, frame)), `${name} frame ${frame}`).toBe(true);
    }
    ids.push(again);
  }

  // A newer job of the same shot is not mistaken for the export that the button waits for.
  const studio = await Studio.signedIn(server.baseURL, 'owner@studio.test', PASSWORD);
  const worker = childOf(server.process.pid!);
  const coming = page.waitForEvent('download', { timeout: 60_000 });
  process.kill(worker, 'SIGSTOP');
  try {
    await page.getByRole('button', { name: 'v3 as MP4' }).click();
    await expect(page.getByRole('button', { name: 'Making the file…' })).toBeVisible();
    const newer = await studio.call<string | null>('export_quadmask', { quadmask_id: ids[0] });
    expect(newer).not.toBeNull();
  } finally {
    process.kill(worker, 'SIGCONT');
  }
  const download = await coming;
  expect(download.url()).toContain(ids[1]);
  await expect(page.getByRole('button', { name: 'v3 as MP4' })).toBeVisible();
});
