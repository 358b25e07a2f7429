// The queue when something goes wrong: what waits is put in another order, a removal whose plate was damaged in the store tells
// the artist why and what to do, and goes on to a version once the plate is whole again.

import { copyFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { ask, audit, blobPath } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { becomeOwner, makeProject } from '../lib/people';
import { approve, sent } from '../lib/results';
import { expect, open, test } from '../lib/test';
import { Worker } from '../lib/worker';

test.describe.configure({ timeout: 300_000 });
// The worker comes when there is something to choose from.
test.use({ serverOptions: { worker: false } });

const SCALE = 8;
const WHY = 'the file is damaged there. Export it again from the source.';

test('what waits is re-ordered; what fails says why, and is tried again', async ({ page, server }) => {
  // Long enough in work that time left is told; Matroska, of which the beginning can be read when the end is gone.
  const clip = movingSquare(join(server.dataDir, 'square.mkv'), 24, SCALE);
  const other = movingSquare(join(server.dataDir, 'other.mkv'), 10);
  await becomeOwner(page);
  await makeProject(page, 'Repair');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles([clip.path, other.path]);
  await expect(page.locator('.card[data-phase="uploaded"]')).toHaveCount(2, { timeout: 60_000 });

  // The last in the queue is sent to its head; the first worker that comes begins with it.
  await open(page, '/jobs');
  await expect(page.locator('.warning-line')).toContainText('No worker is running');
  const queue = page.locator('section.jobs', { has: page.getByRole('heading', { name: 'Queue' }) }).locator('.job-row');
  const places = queue.locator('.job-row__place');
  await expect(places).toHaveCount(2);
  const [head, tail] = await places.allTextContents();
  await queue.last().getByRole('button', { name: 'Run earlier' }).click();
  await expect(places).toHaveText([tail, head]);
  await expect(queue.first().getByTitle('Priority: higher runs first')).toHaveText('+20');
  const worker = Worker.start(server);
  try {
    await expect(queue).toHaveCount(0, { timeout: 90_000 });
    const begun = "select s.name from job j join shot s on s.shot_id = j.shot_id where j.kind = 'ingest' order by j.started_at";
    const inOrder = ask(server.dataDir, begun);
    expect(inOrder.map((row) => row.name)).toEqual([tail, head].map((place) => place.split(' · ')[0]));

    await open(page, board);
    await page.getByRole('link', { name: 'square' }).first().click();
    await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
    await sent(page, clip, [62 * SCALE, 92 * SCALE]);
    await expect(page.getByText('Quadmask v1 in review').first()).toBeVisible();

    // The end of the plate is lost before the removal reads it.
    const [{ plate }] = ask(server.dataDir, "select plate from shot where name = 'square'");
    const [blob, whole] = [blobPath(server.dataDir, String(plate)), join(server.dataDir, 'whole.mkv')];
    copyFileSync(blob, whole);
    truncateSync(blob, Math.floor(statSync(blob).size * 0.6));
    await approve(page);
    await expect(page.getByText('Removal failed').first()).toBeVisible({ timeout: 60_000 });

    // The shot says why and what to do; as long as it is so, trying again says the same.
    await page.getByRole('link', { name: /Removal/ }).first().click();
    const shot = new URL(page.url()).pathname;
    const card = page.getByRole('region', { name: 'Removal', exact: true });
    await expect(card.getByRole('alert')).toContainText(WHY);
    await expect(card.getByRole('alert')).toContainText('“square.mkv”');
    await expect(page.getByText('Nothing was lost: change the recipe or the quadmask and run again.')).toBeVisible();
    const job = () => ask(server.dataDir, "select state, started_at, seconds_left from job where kind = 'remove'")[0];
    const before = job().started_at;
    await card.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => job().state === 'failed' && job().started_at !== before, { timeout: 60_000 }).toBe(true);
    await expect(card.getByRole('alert')).toContainText(WHY);
    await open(page, board);
    await expect(page.locator('.card[data-phase="run_failed"]')).toContainText(WHY);

    // So do the jobs, with a log that tells how far it came.
    await open(page, '/jobs');
    const row = page.locator('.job-row').filter({ hasText: 'Removal' });
    await expect(row).toHaveAttribute('data-tone', 'failed');
    await expect(row.locator('.job-row__error')).toContainText(WHY);
    await row.getByRole('button', { name: 'Log', exact: true }).click();
    await expect(row.locator('pre.log')).toContainText('Aligning frames');

    // The plate is whole again. Held in the middle of its work, the job shows how long it still takes.
    copyFileSync(whole, blob);
    await row.getByRole('button', { name: 'Retry' }).click();
    const isTold = () => job().state === 'running' && job().seconds_left !== null;
    await expect.poll(isTold, { timeout: 60_000, intervals: [30] }).toBe(true);
    worker.pause();
    await open(page, '/jobs');
    await expect(row.locator('.job-row__step')).toHaveText(/^\D+ · \d+ % · .+ left$/);
    await open(page, shot);
    await expect(card.locator('.job__left')).toHaveText(/^\d+ % · .+ left$/);
    worker.goOn();
    await expect(page.getByText('Result v1 in review').first()).toBeVisible({ timeout: 120_000 });

    await expect.poll(() => job().state).toBe('done');
    await open(page, '/jobs');
    await expect(row).toHaveAttribute('data-tone', 'approved');
    expect(audit(server.dataDir, true).wrong).toEqual([]);
  } finally {
    await worker.stop();
  }
});
