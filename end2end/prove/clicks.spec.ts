// SAM 2 in the segmenter's place: what is missing is said, a test model is labelled as one, people's locks stand, and how
// soon after a click the first mask and the whole track are there. `cargo xtask prove clicks` measures on release builds.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { output, proving, workerBin } from '../lib/place';
import { count, record } from '../lib/proof';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: proving ? 0 : 240_000 });

async function shoot(page: Page, name: string): Promise<void> {
  const folder = join(output, 'sam2');
  mkdirSync(folder, { recursive: true });
  for (const [width, height, end] of [[1440, 900, ''], [390, 844, '-phone']] as const) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(folder, `${name}${end}.png`) });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** Grows the mask; milliseconds until the first frame has one, and until all is done. */
async function grow(page: Page): Promise<{ first: number; all: number }> {
  const watched = page.evaluate(() => {
    return new Promise<{ first: number; all: number }>((done) => {
      const start = performance.now();
      const covered = () => /covered on [1-9]\d*/.exec(document.body.innerText)?.[0];
      // The answer to the click covers its frame already: the track begins with the next.
      const before = covered();
      let first = 0;
      let grew = false;
      const look = () => {
        const text = document.body.innerText;
        grew ||= text.includes('Growing…');
        if (first === 0 && grew && covered() !== undefined && covered() !== before) first = performance.now() - start;
        if (grew && !text.includes('Growing…')) {
          watch.disconnect();
          done({ first, all: performance.now() - start });
        }
      };
      const watch = new MutationObserver(look);
      watch.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
  });
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  return watched;
}

test('SAM 2 grows the mask where its weights are', async ({ page, server }) => {
  const models = join(server.dataDir, 'models', 'sam2');
  const make = () => execFileSync(workerBin, ['stage', 'make-test-model', '--network', 'sam2', models], { stdio: 'pipe' });
  await becomeOwner(page);
  await makeProject(page, 'Clicks');
  const clip = movingSquare(join(server.dataDir, 'square.mp4'), count(12, 60));
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  const targets = new URL(page.url()).pathname;
  await page.keyboard.press('x');
  // The mask of the frame alone, at once; the label is read out wherever the panel stands.
  const answered = page.getByText(`The target is covered on 1 of ${clip.frames} frames.`);
  const clicked = performance.now();
  await clickPlate(page, 62, 92, clip);
  await expect(answered).toBeAttached({ timeout: 30_000 });
  const answer = performance.now() - clicked;

  // Without weights it says what to do, and the segmenter that needs none is chosen.
  const choice = page.getByLabel('Grow it with');
  await expect(choice).toHaveValue('plate');
  await choice.selectOption('sam2');
  await expect(page.getByText(/There are no weights of SAM 2|built without libtorch/)).toBeVisible();
  await shoot(page, 'missing');
  let made = true;
  try {
    make();
  } catch (error) {
    made = false;
    console.log(`skipped: the worker has no networks (${String(error).split('\n')[0]})`);
  }
  test.skip(!made, 'the worker was built without its networks');

  // They come while the server runs; random ones are never chosen by themselves.
  await expect(async () => {
    await open(page, targets);
    await choice.selectOption('sam2');
    await expect(page.getByText('Test model: random weights.')).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 60_000 });
  const times = [await grow(page)];
  await expect(page.getByText('Grown by SAM 2 · test model: random weights.')).toBeVisible();
  await shoot(page, 'grown');

  // A frame that a person locked stands, and the next track goes by what was seen already.
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await goTo(page, 0);
  await page.getByRole('button', { name: 'Lock frame' }).click();
  await expect(page.getByRole('button', { name: 'Free frame' })).toBeVisible();
  const status = () => page.getByText(/^f1001: /).innerText();
  const locked = (await status()).replace(/ px primary.*/s, '');
  for (let at = 0; at < count(1, 5); at += 1) {
    await open(page, targets);
    await choice.selectOption('sam2');
    times.push(await grow(page));
  }
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await goTo(page, 0);
  expect((await status()).replace(/ px primary.*/s, '')).toBe(locked);

  // And back to the one that needs no weights.
  await open(page, targets);
  await grow(page);
  await expect(page.getByText('Grown by the segmenter that needs no weights.')).toBeVisible();
  const median = (values: number[]) => Math.round([...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]);
  record({
    frames: clip.frames,
    model: 'a test model: tiny, random weights',
    click_to_mask_without_weights_ms: Math.round(answer),
    first_mask_of_track_ms: Math.round(times[0].first),
    whole_track_ms: Math.round(times[0].all),
    again_whole_track_ms_median: median(times.slice(1).map(({ all }) => all)),
  });
});
