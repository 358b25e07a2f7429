// Clicks, answered by the segmenter that was chosen: what is missing is said, a test model is labelled as one, people's locks
// stand, growing is stopped, and how soon after a click the first mask and the whole track are there, without weights and with
// SAM 2's test model. `cargo xtask prove clicks` measures on release builds.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { ask } from '../lib/audit';
import { type Clip, movingSquare } from '../lib/clips';
import { clickPlate, goTo } from '../lib/desk';
import { becomeOwner, makeProject, signInOwner } from '../lib/people';
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

/** Times in whole milliseconds: the middle one, the one that 95 of 100 do not exceed, and the worst. */
function told(times: number[]): Record<string, number> {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (part: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))]);
  return { count: times.length, median_ms: at(0.5), p95_ms: at(0.95), worst_ms: at(1) };
}

/** Where the target is on a frame, a little elsewhere for each `at`: the same click twice would be none. */
const target = (frame: number, at: number): [number, number] => [52 + 6 * frame + (at % 5) * 5, 82 + Math.floor(at / 5) * 4];

/**
 * Clicks a place of a frame; milliseconds until the page says what answered and the frame's mask is there. The click before it
 * must have been on another frame, or the page says already that this one was answered.
 */
async function click(page: Page, frame: number, [x, y]: [number, number], clip: Clip): Promise<number> {
  await goTo(page, frame);
  const watched = page.evaluate(
    ({ line, picture }) =>
      new Promise<number>((done, fail) => {
        const patience = setTimeout(() => fail(new Error(`nobody said “${line}” within two minutes`)), 120_000);
        // What is still on its way when the page has said it.
        const PICTURE_MS = 500;
        let [from, said, came] = [0, 0, 0];
        const pictures = new PerformanceObserver((list) => {
          for (const entry of list.getEntriesByType('resource') as PerformanceResourceTiming[]) {
            if (from > 0 && entry.startTime >= from && entry.name.includes(picture)) came = entry.responseEnd;
          }
        });
        pictures.observe({ type: 'resource' });
        const look = () => {
          if (from === 0 || said > 0 || !document.body.innerText.includes(line)) return;
          said = performance.now();
          watch.disconnect();
          clearTimeout(patience);
          setTimeout(() => {
            pictures.disconnect();
            done(Math.max(said, came) - from);
          }, PICTURE_MS);
        };
        const watch = new MutationObserver(look);
        watch.observe(document.body, { subtree: true, childList: true, characterData: true });
        window.addEventListener('pointerdown', () => (from = performance.now()), { once: true, capture: true });
      }),
    { line: `The click on f${1001 + frame} was answered by`, picture: `/draft/${frame}.png` },
  );
  await clickPlate(page, x, y, clip);
  return watched;
}

/** Grows the mask; milliseconds until the page says that all is done, or until its row does, where that was too soon for the page. */
async function grow(page: Page, dataDir: string): Promise<number> {
  const done = () => ask(dataDir, "select job_id from job where kind = 'segment' and state = 'done'").length;
  const pause = (ms: number) => new Promise((over) => setTimeout(over, ms));
  const before = done();
  const watched = page.evaluate(() => {
    return new Promise<number>((done) => {
      const start = performance.now();
      let grew = false;
      const look = () => {
        const grows = document.body.innerText.includes('Growing…');
        grew ||= grows;
        if (grew && !grows) {
          watch.disconnect();
          done(performance.now() - start);
        }
      };
      const watch = new MutationObserver(look);
      watch.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
  });
  const start = performance.now();
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  const row = async () => {
    while (done() === before) await pause(200);
    const took = performance.now() - start;
    await pause(5_000);
    return took;
  };
  return Promise.race([watched, row()]);
}

type Times = { first: number[]; again: number[]; track: number[]; corrected: number[] };

/**
 * Clicks on frames that were not looked at before, on the same frames again, and grows the mask from further clicks, which begin
 * with the place `at`.
 */
async function measure(page: Page, dataDir: string, clip: Clip, pairs: number, tracks: number, at = 2): Promise<Times> {
  const times: Times = { first: [], again: [], track: [], corrected: [] };
  for (let pair = 0; pair < pairs; pair += 1) {
    // Apart from one another, so that none has a mask beside it.
    const frames = [4 * pair, 4 * pair + 2];
    for (const frame of frames) times.first.push(await click(page, frame, target(frame, 0), clip));
    for (const frame of frames) times.again.push(await click(page, frame, target(frame, 1), clip));
  }
  for (let track = 0; track < tracks; track += 1) {
    const frame = [1, 3][track % 2];
    const answered = await click(page, frame, target(frame, at + Math.floor(track / 2)), clip);
    // The first of them has no track to correct yet.
    if (track > 0) times.corrected.push(answered);
    times.track.push(answered + (await grow(page, dataDir)));
  }
  return times;
}

/** Fails where the worker has no networks. */
function makeTestModel(dataDir: string): void {
  const folder = join(dataDir, 'models', 'sam2');
  if (existsSync(join(folder, 'model.safetensors'))) return;
  execFileSync(workerBin, ['stage', 'make-test-model', '--network', 'sam2', folder], { stdio: 'pipe' });
}

/** Puts a plate into the project whose board is open and opens it. */
async function upload(page: Page, clip: Clip, name: string): Promise<string> {
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByRole('link', { name }).first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 60_000 });
  return new URL(page.url()).pathname;
}

test('clicks are answered by what was chosen, and the mask grows from them', async ({ page, server }) => {
  await becomeOwner(page);
  await makeProject(page, 'Clicks');
  const board = new URL(page.url()).pathname;
  const [pairs, tracks] = [Math.min(10, count(1, 10)), Math.min(20, Math.max(2, count(2, 20)))];
  const clip = movingSquare(join(server.dataDir, 'plain.mp4'), pairs > 1 ? 60 : 12);
  await upload(page, clip, 'plain');
  await page.keyboard.press('x');
  const choice = page.getByLabel('Grow it with');
  await expect(choice).toHaveValue('plate');
  const without = await measure(page, server.dataDir, clip, pairs, tracks);
  await expect(page.getByText('Grown by the segmenter that needs no weights.')).toBeVisible();

  // Without weights it says what to do, and clicks are answered all the same.
  await open(page, board);
  const second = movingSquare(join(server.dataDir, 'network.mp4'), clip.frames + 1);
  const targets = await upload(page, second, 'network');
  await page.keyboard.press('x');
  await choice.selectOption('sam2');
  await expect(page.getByText(/There are no weights of SAM 2|built without libtorch/).first()).toBeVisible();
  await click(page, 8, target(8, 4), second);
  await expect(page.getByText(/The click on f1009 was answered by the segmenter that needs no weights in/)).toBeAttached();
  await shoot(page, 'missing');
  let made = true;
  try {
    makeTestModel(server.dataDir);
  } catch (error) {
    made = false;
    console.log(`skipped: the worker has no networks (${String(error).split('\n')[0]})`);
  }
  test.skip(!made, 'the worker was built without its networks');

  // They come while the server runs; the choice is the shot's, and random weights are labelled.
  await expect(async () => {
    await open(page, targets);
    await expect(choice).toHaveValue('sam2', { timeout: 2_000 });
    await expect(page.getByText('Test model: random weights.')).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 60_000 });
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.keyboard.press('x');
  const network = await measure(page, server.dataDir, second, pairs, 1);
  await expect(page.getByText('Grown by SAM 2 · test model: random weights.')).toBeVisible();
  await click(page, 6, target(6, 3), second);
  await expect(page.getByText(/The click on f1007 was answered by SAM 2 · test model: random weights in/)).toBeAttached();
  await shoot(page, 'grown');

  // A frame that a person locked stands, whatever is clicked and grown.
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await goTo(page, 0);
  await page.getByRole('button', { name: 'Lock frame' }).click();
  await expect(page.getByRole('button', { name: 'Free frame' })).toBeVisible();
  const [{ shot }] = ask(server.dataDir, "select shot_id as shot from shot where name = 'network'");
  const locked = () => ask(server.dataDir, `select levels, revision from draft_frame where shot_id = '${shot}' and frame = 0`);
  const before = locked();
  await open(page, targets);
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.keyboard.press('x');
  const more = await measure(page, server.dataDir, second, 0, tracks, 3);
  expect(locked()).toEqual(before);
  network.track.push(...more.track);
  network.corrected.push(...more.corrected);

  // And back to the one that needs no weights.
  await choice.selectOption('plate');
  await grow(page, server.dataDir);
  await expect(page.getByText('Grown by the segmenter that needs no weights.')).toBeVisible();
  const figures = (times: Times) => ({
    click_to_first_mask: told(times.first),
    click_to_mask_on_the_same_frame_again: told(times.again),
    click_to_corrected_mask_on_a_tracked_frame: told(times.corrected),
    click_to_whole_track: told(times.track),
  });
  record({
    frames: clip.frames,
    picture: [clip.width, clip.height],
    without_weights: figures(without),
    sam2_test_model: { model: 'tiny, random weights: what it marks is no object', ...figures(network) },
  });
});

test('growing is stopped and what has grown stays; doubt is seen, said and gone to', async ({ page, server }) => {
  await signInOwner(page);
  await makeProject(page, 'Stopped');
  try {
    makeTestModel(server.dataDir);
  } catch {
    test.skip(true, 'the worker was built without its networks');
  }
  const frames = 150;
  const clip = movingSquare(join(server.dataDir, 'long.mp4'), frames, 4);
  const targets = await upload(page, clip, 'long');
  await expect(async () => {
    await open(page, targets);
    await page.getByLabel('Grow it with').selectOption('sam2');
    await expect(page.getByText('Test model: random weights.')).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 60_000 });
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.keyboard.press('x');
  // In the middle, so that it grows both ways.
  const begin = 30;
  await goTo(page, begin);
  await clickPlate(page, 4 * (62 + 6 * begin), 4 * 92, clip);
  await expect(page.getByText(`The click on f${1001 + begin} was answered by SAM 2`)).toBeAttached({ timeout: 30_000 });

  const [{ shot }] = ask(server.dataDir, "select shot_id as shot from shot where name = 'long'");
  type Row = { frame: number; confidence: number; area: number };
  const judged = (): Row[] =>
    ask(
      server.dataDir,
      `select frame, confidence, primary_area as area from draft_frame where shot_id = '${shot}' and confidence is not null order by frame`,
    ).map((row) => ({ frame: Number(row.frame), confidence: Number(row.confidence), area: Number(row.area) }));
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  const card = page.getByRole('region', { name: 'Grow primary mask' });
  // The mask is seen to grow: frame by frame, long before it is done.
  await expect.poll(() => judged().length, { timeout: 60_000, intervals: [100] }).toBeGreaterThan(3);
  const seen = judged();
  await card.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(card.locator('.job__state')).toHaveText('cancelled', { timeout: 60_000 });
  await expect(page.getByText('Stopped. What had grown until then is kept')).toBeVisible();
  const kept = judged();
  expect(kept.length, 'stopped on its way').toBeLessThan(frames);
  for (const row of seen) expect(kept, 'what was there when it was stopped').toContainEqual(row);

  // The figure of a frame is under the pointer.
  await open(page, targets);
  const lane = page.locator('.timeline__lane[data-lane="primary"]');
  const { frame, confidence, area } = kept[1];
  const box = (await lane.boundingBox())!;
  await page.mouse.move(box.x + ((frame + 0.5) / frames) * box.width, box.y + box.height / 2);
  const percent = Math.round(Math.fround(confidence) * 100);
  const words = area > 0 ? `f${1001 + frame}: confidence ${percent} %` : `f${1001 + frame}: no target seen, ${percent} % sure`;
  await expect(lane.locator('.timeline__said')).toHaveText(words);
  await expect(lane.locator('.timeline__curve path')).toHaveAttribute('d', /^M/);
  await page.mouse.move(box.x + box.width / 2, box.y - 200);
  await expect(lane.locator('.timeline__said')).toHaveCount(0);

  // Q goes to the next frame in doubt, and the sheet of keys says so.
  await goTo(page, 0);
  const doubtful = kept.filter((row) => Math.fround(row.confidence) < 0.5).map((row) => row.frame);
  await page.keyboard.press('q');
  if (doubtful.length === 0) {
    await expect(page.getByText(/No frame is in doubt/)).toBeVisible();
  } else {
    const next = doubtful.find((at) => at > 0) ?? doubtful[0];
    await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', String(next));
    await expect(page.getByText(new RegExp(`f${1001 + next}: (confidence|no target)`)).first()).toBeVisible();
  }
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog').getByText('Next, previous frame that the segmenter doubts')).toBeVisible();
  await page.keyboard.press('Escape');

  // Grown again, it goes over the whole shot, both ways.
  await grow(page, server.dataDir);
  expect(judged()).toHaveLength(frames);
});
