// From words to targets on a real shot, through the page: what is found as candidates, kept, grown, and a cause by its name, with a
// picture of every step. The weights are random, so what is found is no object; the code is the one that published weights run
// through. `cargo xtask prove words` measures on release builds.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { ask } from '../lib/audit';
import { becomeOwner, makeProject } from '../lib/people';
import { output, proving } from '../lib/place';
import { count, record } from '../lib/proof';
import { plateIn, realShots } from '../lib/real';
import { expect, open, test } from '../lib/test';
import { found, look, makeWordModels, threshold } from '../lib/words';

const MINUTE = 60_000;
const shots = realShots.slice(0, count(1, 4));

test.describe.configure({ timeout: proving ? 0 : 8 * MINUTE });
test.use({ actionTimeout: MINUTE });
test.skip(shots.length === 0, 'skipped: the real shots are not beside this checkout');

async function picture(page: Page, name: string): Promise<void> {
  const folder = join(output, 'words');
  mkdirSync(folder, { recursive: true });
  for (const [width, height, end] of [[1440, 900, ''], [390, 844, '-phone']] as const) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(500);
    await page.screenshot({ path: join(folder, `${name}${end}.png`) });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

test('a supervisor says it, and it is there', async ({ page, server }) => {
  const why = makeWordModels(join(server.dataDir, 'models'));
  test.skip(why !== undefined, why);
  await becomeOwner(page);
  await makeProject(page, 'Words');
  const board = new URL(page.url()).pathname;
  const figures: Record<string, unknown>[] = [];
  for (const shot of shots) {
    await open(page, board);
    const plate = plateIn(server.dataDir, shot);
    await page.getByLabel('Plates').first().setInputFiles(plate);
    await expect(page.getByRole('link', { name: shot.name }).first()).toBeVisible({ timeout: 5 * MINUTE });
    const ready = () =>
      ask(server.dataDir, 'select name, phase from shot').some((row) => row.name === shot.name && row.phase === 'ready');
    await expect.poll(ready, { timeout: 10 * MINUTE }).toBe(true);
    await page.getByRole('link', { name: shot.name }).first().click();
    await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: MINUTE });
    const targets = new URL(page.url()).pathname;
    await expect(async () => {
      await open(page, targets);
      await expect(page.getByText('Test model: random weights. What it finds is no object.')).toBeVisible({ timeout: 1_000 });
    }).toPass({ timeout: MINUTE });

    const first = await look(page, `the ${shot.target.toLowerCase()}`, 20 * MINUTE);
    await picture(page, `${shot.name}-candidates`);
    const second = await look(page, 'its shadow on the ground', 20 * MINUTE);
    const abouts = ask(server.dataDir, 'select about from finding order by at desc limit 1');
    const about = JSON.parse(String(abouts[0].about));
    expect(about.known_frames, 'no frame is looked at twice').toBe(about.looked.length);

    // The threshold, from one end to the other: milliseconds until the list says so.
    const started = performance.now();
    await threshold(page, 0.99);
    await expect(found(page).getByText(/^Nothing on the/)).toBeVisible();
    const moved = performance.now() - started;
    await picture(page, `${shot.name}-nothing`);
    await threshold(page, 0.5);

    // All but the best are dropped; the best becomes a target.
    const things = found(page).getByRole('button', { name: /^(Keep|Drop) thing \d/ });
    const all = await things.count();
    expect(all, 'random weights find something').toBeGreaterThan(0);
    await things.first().click();
    await found(page).getByRole('button', { name: 'All but these' }).click();
    const kept = performance.now();
    await page.getByRole('button', { name: 'Keep 1 as a target' }).click();
    await expect(page.getByLabel('Target name')).toHaveCount(1, { timeout: 5 * MINUTE });
    const keep = performance.now() - kept;
    await picture(page, `${shot.name}-target`);
    const grown = performance.now();
    await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
    const ofShot = `shot_id = (select shot_id from shot where name = '${shot.name}')`;
    const growing = () => ask(server.dataDir, `select state from job where kind = 'segment' and ${ofShot}`)[0]?.state;
    await expect.poll(growing, { timeout: 60 * MINUTE }).toBe('done');
    await page.getByRole('link', { name: /Quadmask/ }).first().click();
    await expect(page.getByText(new RegExp(`covered on \\d+/${shot.frames} frames`))).toBeVisible({ timeout: 60 * MINUTE });
    await expect(page.getByRole('region', { name: 'Grow primary mask' })).toHaveCount(0, { timeout: 60 * MINUTE });
    const grow = performance.now() - grown;

    await page.getByLabel('What else changes').fill(shot.cause.name);
    await page.getByRole('button', { name: 'Add cause' }).click();
    await page.getByText('Find it by its name').click();
    await page.getByRole('button', { name: 'Find over the shot' }).click();
    await expect(found(page)).toBeVisible({ timeout: 20 * MINUTE });
    await threshold(page, 0.05);
    await page.getByRole('button', { name: /^Mark the cells of \d+/ }).click();
    await expect(page.getByText(`Cells of “${shot.cause.name}” are marked.`)).toBeVisible();
    await picture(page, `${shot.name}-cause`);
    figures.push({
      shot: shot.name,
      frames: shot.frames,
      looked_at: about.looked.length,
      candidates: all,
      words_to_candidates_ms: Math.round(first),
      second_words_ms: Math.round(second),
      threshold_ms: Math.round(moved),
      keep_ms: Math.round(keep),
      grow_without_weights_ms: Math.round(grow),
    });
  }
  record({ model: 'test models: tiny, random weights', clicks: 'words, find, drop to one, keep, grow: 5 and no mark on the picture', shots: figures });
});
