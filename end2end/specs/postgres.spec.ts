// The short story on PostgreSQL with a second worker that no server watches: upload, mask, review, approval, version 1; and
// what the ways to compare it with its plate put on the canvas.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clip, movingSquare } from '../lib/clips';
import { colourAt } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { lacking } from '../lib/postgres';
import { resultOf } from '../lib/results';
import { expect, open, test } from '../lib/test';
import { Worker } from '../lib/worker';

test.describe.configure({ timeout: 300_000 });
test.use({ serverOptions: { postgres: true } });
if (lacking !== undefined) console.log(`skipped: ${lacking}`);
test.skip(lacking !== undefined, lacking);

const SCALE = 2;
/** In the square on the first frame, and on the wall far from it. */
const SQUARE = [62 * SCALE, 92 * SCALE] as const;
const WALL = [250 * SCALE, 40 * SCALE] as const;

/** Size and number of pictures of a movie, counted by decoding it. */
function factsOf(path: string): Record<string, unknown> {
  const asked = ['-count_frames', '-select_streams', 'v:0', '-show_entries', 'stream=width,height,nb_read_frames'];
  const said = execFileSync('ffprobe', ['-v', 'error', ...asked, '-of', 'json', path], { encoding: 'utf8' });
  return JSON.parse(said).streams[0];
}

/** How much more red than anything else: the square is, the wall is not. */
const redness = ([red, green, blue]: number[]) => red - (green + blue) / 2;
const mean = (colour: number[]) => colour.reduce((sum, value) => sum + value, 0) / colour.length;

test('two workers carry a shot to its first version, which is compared with the plate', async ({ page, server }) => {
  const schema = server.schema!;
  const clip: Clip = movingSquare(join(server.dataDir, 'square.mp4'), 16, SCALE);
  const workers = () => schema.ask('select worker, pid from worker order by started_at');
  const doers = (kinds: string) => schema.ask(`select kind, state, worker from job where kind in (${kinds}) order by created_at`);

  await becomeOwner(page);
  await makeProject(page, 'Two workers');
  const board = new URL(page.url()).pathname;
  await expect.poll(() => workers().length, { timeout: 60_000 }).toBe(1);
  const [first] = workers();
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await expect.poll(() => doers("'ingest'")).toEqual([{ kind: 'ingest', state: 'done', worker: first.worker }]);

  const second = Worker.start(server);
  try {
    await expect.poll(() => workers().length, { timeout: 60_000 }).toBe(2);
    const name = String(workers()[1].worker);
    expect(name).toContain(second.token);
    await open(page, '/jobs');
    await expect(page.locator('.worker[data-tone="approved"]')).toHaveCount(2);

    // The server's own worker is held where it is: the rest is the second one's.
    process.kill(Number(first.pid), 'SIGSTOP');
    await open(page, board);
    await resultOf(page, clip, 'square', [...SQUARE]);
    const removal = () => doers("'segment', 'remove'");
    await expect.poll(removal).toEqual(['segment', 'remove'].map((kind) => ({ kind, state: 'done', worker: name })));
  } finally {
    process.kill(Number(first.pid), 'SIGCONT');
    await second.stop();
  }

  // Version 1 is there at the plate's full size.
  await page.getByRole('tab', { name: 'Result' }).click();
  await expect(page.getByText('Proof of v1')).toBeVisible();
  await expect(page.locator('.proof')).toContainText(`${clip.width}×${clip.height} · ${clip.frames} frames`);
  const address = await page.getByRole('link', { name: 'Result, full size' }).first().getAttribute('href');
  const result = join(server.dataDir, 'result.mkv');
  writeFileSync(result, await (await page.request.get(address!)).body());
  expect(factsOf(result)).toMatchObject({ width: clip.width, height: clip.height, nb_read_frames: String(clip.frames) });

  // Wiped, the plate is left of the line; side by side, each has its half.
  const picture = page.locator('.stage__picture');
  await expect(picture).toHaveAttribute('data-frame', '0');
  const red = async (half?: 'left' | 'right') => redness(await colourAt(page, ...SQUARE, clip, half));
  await expect.poll(red).toBeGreaterThan(100);
  await page.keyboard.press('s');
  await expect(picture).toHaveAttribute('aria-label', /^Side by side of square/);
  await expect.poll(() => red('right')).toBeLessThan(40);
  await expect.poll(() => red('left')).toBeGreaterThan(100);
  const [plateWall, resultWall] = [await colourAt(page, ...WALL, clip, 'left'), await colourAt(page, ...WALL, clip, 'right')];
  for (const [channel, value] of plateWall.entries()) expect(Math.abs(value - resultWall[channel])).toBeLessThan(6);

  // The difference is where something was removed, and grows with its gain.
  await page.keyboard.press('Shift+D');
  await expect(picture).toHaveAttribute('aria-label', /^Difference of square/);
  const gain = page.getByLabel('Difference gain');
  await gain.fill('0');
  await expect(page.getByText('Difference ×1')).toBeVisible();
  const difference = async (place: readonly [number, number]) => mean(await colourAt(page, ...place, clip));
  await expect.poll(() => difference(WALL)).toBeLessThan(4);
  // Painted with the gain of before it would be four times as much, and nothing is that different.
  await expect.poll(() => difference(SQUARE)).toBeLessThan(130);
  const once = await difference(SQUARE);
  expect(once).toBeGreaterThan(30);
  await gain.press('ArrowRight');
  await expect(page.getByText('Difference ×2')).toBeVisible();
  await expect.poll(() => difference(SQUARE)).toBeGreaterThan(once * 1.5);
  expect(await difference(WALL)).toBeLessThan(8);

  // One key flips, and flips back.
  await page.keyboard.press('`');
  await expect(picture).toHaveAttribute('aria-label', /^Result only of square/);
  await expect.poll(red).toBeLessThan(40);
  await page.keyboard.press('`');
  await expect(picture).toHaveAttribute('aria-label', /^Plate only of square/);
  await expect.poll(red).toBeGreaterThan(100);
  await page.keyboard.press('`');
  await expect.poll(red).toBeLessThan(40);
});
