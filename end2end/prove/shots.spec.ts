// The whole story on the real shots, through the page alone: upload, clicks, brush, cells, review, removal (the first is
// cancelled and run again), plate against result in every way, changes, second version. A picture of every step at both
// sizes stays in the output folder (`shots/`). The short form takes the smallest shot, the first; `cargo xtask prove shots`
// takes all four.

import { mkdirSync } from 'node:fs';
import { join as path } from 'node:path';
import type { Page } from '@playwright/test';
import { compare } from '../lib/comparison';
import { clickPlate, goTo, sweepPlate } from '../lib/desk';
import { dropFiles } from '../lib/drop';
import { becomeOwner, inviteLink, join, makeProject } from '../lib/people';
import { output, proving } from '../lib/place';
import { count, record } from '../lib/proof';
import { plateIn, type RealShot, realShots } from '../lib/real';
import { expect, listen, open, test } from '../lib/test';

const MINUTE = 60_000;
const shots = realShots.slice(0, count(1, 4));

test.describe.configure({ timeout: proving ? 0 : 10 * MINUTE });
test.use({ actionTimeout: MINUTE });
test.skip(shots.length === 0, 'skipped: the real shots are not beside this checkout');

/** A picture of the step at the sizes of a desk and of a phone. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = path(output, 'shots');
  mkdirSync(folder, { recursive: true });
  await page.waitForTimeout(300);
  await page.screenshot({ path: path(folder, `${name}.png`) });
  if (!proving) return;
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(700);
  await page.screenshot({ path: path(folder, `${name}-phone.png`) });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.waitForTimeout(500);
}

async function mark(artist: Page, shot: RealShot): Promise<void> {
  let at = -1;
  for (const click of shot.clicks) {
    if (click.frame !== at) {
      await goTo(artist, click.frame);
      await artist.keyboard.press('x');
      at = click.frame;
    }
    await clickPlate(artist, click.x, click.y, shot);
  }
  const name = artist.getByLabel('Target name').first();
  await name.fill(shot.target);
  await name.press('Enter');
}

async function affect(artist: Page, shot: RealShot): Promise<void> {
  const { cause } = shot;
  await artist.getByLabel('What else changes').fill(cause.name);
  await artist.getByRole('button', { name: 'Add cause' }).click();
  await expect(artist.getByLabel('What changes')).toHaveValue(cause.name);
  await artist.getByLabel('What becomes of it').selectOption(cause.consequence);
  await artist.getByRole('button', { name: /Mark cells|cells? · edit/ }).click();
  const [x0, y0, x1, y1] = cause.cells;
  const { width, height } = shot;
  await sweepPlate(artist, [x0 * width, y0 * height], [x1 * width, y1 * height], shot);
  if (cause.path) await artist.getByRole('button', { name: 'Draw its path' }).click();
  for (const stop of cause.path ?? []) {
    await goTo(artist, stop.frame);
    await clickPlate(artist, stop.x * width, stop.y * height, shot);
  }
}

/** Stops the removal while it runs in a named step, and runs it again. */
async function cancelAndRun(artist: Page, picture: () => Promise<void>): Promise<void> {
  await expect(artist.locator('.job__step[data-state="now"]')).toBeVisible({ timeout: MINUTE });
  await artist.getByRole('button', { name: 'Cancel', exact: true }).click();
  await expect(artist.getByText('Cancelled').first()).toBeVisible({ timeout: MINUTE });
  await picture();
  await artist.getByRole('button', { name: /^Run/ }).first().click();
}

test('the real shots go through the page', async ({ page, browser, server }) => {
  const said: string[] = [];
  const figures: Record<string, unknown>[] = [];
  await becomeOwner(page);
  await makeProject(page, 'Real shots');
  const board = new URL(page.url()).pathname;
  await dropFiles(page, shots.map((shot) => plateIn(path(server.dataDir, 'plates'), shot)));
  await page.waitForTimeout(500);
  await picture(page, '00-uploading');
  const artistLink = await inviteLink(page, 'artist', 'Real shots');
  const supervisorLink = await inviteLink(page, 'supervisor', 'Real shots');
  const [artistContext, artist] = await join(browser, artistLink, 'Artist');
  const [supervisorContext, supervisor] = await join(browser, supervisorLink, 'Supervisor');
  for (const each of [artist, supervisor]) listen(each, (text) => said.push(text));
  let loaded = 0;
  supervisor.on('load', () => (loaded += 1));
  await open(page, board);
  await picture(page, '01-ingesting');

  await expect(page.getByText('Ready to annotate')).toHaveCount(shots.length, { timeout: 10 * MINUTE });
  await picture(page, '02-board');

  for (const shot of shots) {
    const step = (number: string, who: Page) => picture(who, `${shot.name}-${number}`);
    await open(artist, board);
    await artist.getByRole('link', { name: shot.name }).first().click();
    await expect(artist.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 30_000 });
    await step('1-plate', artist);
    await mark(artist, shot);
    await step('2-clicks', artist);
    const grow = artist.getByRole('button', { name: 'Grow mask over the shot' });
    await expect(grow).toBeEnabled();
    await grow.click();
    await artist.waitForTimeout(4_000);
    await step('3-growing', artist);
    await artist.getByRole('link', { name: /Quadmask/ }).first().click();
    await expect(artist.getByText(new RegExp(`covered on \\d+/${shot.frames} frames`))).toBeVisible({ timeout: 30 * MINUTE });
    await expect(artist.getByRole('region', { name: 'Grow primary mask' })).toHaveCount(0, { timeout: 30 * MINUTE });
    await goTo(artist, shot.dab.frame);
    await artist.keyboard.press('b');
    await clickPlate(artist, shot.dab.x, shot.dab.y, shot);
    await step('4-brush', artist);
    await affect(artist, shot);
    await step('5-affected', artist);
    // The supervisor has the shot open before anything is sent, and never reloads.
    await open(supervisor, new URL(artist.url()).pathname);
    await expect(supervisor.getByText('Quadmask v1 in review')).toHaveCount(0);
    await artist.getByRole('button', { name: /^Send quadmask v\d to review/ }).click();
    await artist.getByRole('dialog').getByRole('button', { name: /send/i }).click();
    await expect(artist.getByText('Quadmask v1 in review').first()).toBeVisible({ timeout: MINUTE });

    await expect(supervisor.getByText('Quadmask v1 in review').first()).toBeVisible({ timeout: MINUTE });
    await step('6-review', supervisor);
    await supervisor.getByRole('button', { name: 'Approve quadmask v1' }).click();
    await supervisor.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
    let began = Date.now();
    await artist.getByRole('link', { name: /Removal/ }).first().click();
    const isCancelled = shot === shots[0];
    if (isCancelled) {
      await cancelAndRun(artist, () => step('7-cancelled', artist));
      began = Date.now();
    }
    await artist.waitForTimeout(5_000);
    await step('7-removing', artist);
    await expect(artist.getByText('Result v1 in review').first()).toBeVisible({ timeout: 30 * MINUTE });
    const seconds = (Date.now() - began) / 1000;

    await supervisor.getByRole('link', { name: /Review/ }).first().click();
    await supervisor.getByRole('tab', { name: 'Result' }).click();
    await expect(supervisor.getByText('Proof of v1')).toBeVisible({ timeout: 30_000 });
    await goTo(supervisor, shot.dab.frame);
    await supervisor.keyboard.press('w');
    await expect(supervisor.getByLabel('Wipe: plate left, result right')).toBeVisible();
    await supervisor.waitForTimeout(1_500);
    await step('8-wipe', supervisor);
    await supervisor.keyboard.press('`');
    await supervisor.waitForTimeout(1_000);
    await step('9-result', supervisor);
    await compare(supervisor, 'v1', (name) => step(`9-${name}`, supervisor));
    const proof = await supervisor.locator('.proof').first().innerText();
    await supervisor.getByRole('button', { name: 'Ask for changes' }).click();
    await supervisor.getByRole('dialog').getByLabel('What should change').fill('The edge shows a rim.');
    await supervisor.getByRole('dialog').getByRole('button', { name: /ask/i }).click();
    await expect(artist.getByText('Result v1: changes asked').first()).toBeVisible();
    if (proving) {
      await artist.getByRole('link', { name: /Quadmask/ }).first().click();
      await artist.getByRole('button', { name: /Re-open/ }).first().click();
      await artist.getByRole('dialog').getByRole('button', { name: /re-open/i }).click();
      await expect(artist.getByRole('button', { name: /^Send quadmask v\d to review/ })).toBeVisible();
      await goTo(artist, shot.dab.frame);
      await artist.keyboard.press('b');
      await clickPlate(artist, shot.dab.x + shot.width / 50, shot.dab.y, shot);
      await artist.getByRole('button', { name: /^Send quadmask v\d to review/ }).click();
      await artist.getByRole('dialog').getByRole('button', { name: /send/i }).click();
      await expect(supervisor.getByText('Quadmask v2 in review').first()).toBeVisible({ timeout: MINUTE });
      await supervisor.getByRole('link', { name: /Quadmask/ }).first().click();
      await supervisor.getByRole('button', { name: 'Approve quadmask v2' }).click();
      await supervisor.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
      await expect(supervisor.getByText('Result v2 in review').first()).toBeVisible({ timeout: 30 * MINUTE });
      await supervisor.getByRole('link', { name: /Review/ }).first().click();
      await supervisor.getByRole('tab', { name: 'Result' }).click();
      await expect(supervisor.getByText('Proof of v2')).toBeVisible({ timeout: 30_000 });
      await goTo(supervisor, shot.dab.frame);
      await supervisor.waitForTimeout(1_500);
      await step('10-second', supervisor);
    }
    figures.push({ shot: shot.name, size: `${shot.width}×${shot.height}`, frames: shot.frames, is_cancelled_first: isCancelled, seconds_to_v1: Math.round(seconds), proof: proof.split('\n') });
    // eslint-disable-next-line no-console
    console.log(`${shot.name}: ${JSON.stringify(figures.at(-1))}`);
  }
  expect(loaded, 'pages that the supervisor loaded').toBe(shots.length);
  expect(said, 'warnings and errors in the other browsers').toEqual([]);
  record({ shots: figures });
  await artistContext.close();
  await supervisorContext.close();
});
