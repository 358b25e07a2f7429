// The package of an approved version: asked for, seen to grow, taken away whole and in two pieces, opened with an archive
// tool; the record of decisions as files; and through a link on a phone the movie, and nothing else.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import type { Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { becomeOwner, makeProject } from '../lib/people';
import { output } from '../lib/place';
import { firstResult } from '../lib/results';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 300_000 });

async function shoot(page: Page, name: string): Promise<void> {
  const folder = path(output, 'package');
  mkdirSync(folder, { recursive: true });
  await page.waitForTimeout(400);
  await page.screenshot({ path: path(folder, `${name}.png`) });
}

test('an approved version is packed once and taken away by the team and by a guest', async ({ page, browser, server }) => {
  const said: string[] = [];
  const clip = movingSquare(path(server.dataDir, 'square.mp4'), 12);
  await becomeOwner(page);
  await makeProject(page, 'Night Tide');
  await firstResult(page, clip, 'square', [62, 92]);
  await page.getByRole('tab', { name: 'Result' }).click();
  const panel = page.getByRole('region', { name: 'Package' });
  await expect(panel.getByText('Once this version is approved')).toBeVisible();
  await expect(panel.getByRole('button', { name: 'Make package' })).toHaveCount(0);

  // The record as files, before and after.
  const record = page.getByRole('region', { name: 'History of decisions' });
  const json = await record.getByRole('link', { name: 'History as JSON' }).getAttribute('href');
  const before = await (await page.request.get(json!)).json();
  expect(before.check.sentence).toBe('The record is whole: 1 decision, its hash computed again.');
  const pdf = await page.request.get((await record.getByRole('link', { name: 'History as PDF' }).getAttribute('href'))!);
  expect((await pdf.body()).subarray(0, 5).toString()).toBe('%PDF-');
  mkdirSync(path(output, 'package'), { recursive: true });
  writeFileSync(path(output, 'package', 'history.pdf'), await pdf.body());

  await page.getByRole('button', { name: 'Approve v1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
  await expect(page.getByText('Result v1 approved').first()).toBeVisible();
  expect((await (await page.request.get(json!)).json()).check.is_whole).toBe(true);

  // 4:2:0 without alpha: 422 HQ is offered first; for viewing is a choice.
  await expect(panel.getByLabel('Movie')).toHaveValue('prores_422_hq');
  await panel.getByLabel('Movie').selectOption({ label: 'H.264 · for viewing' });
  await shoot(page, 'asked');
  await panel.getByRole('button', { name: 'Make package' }).click();
  const take = panel.getByRole('link', { name: /^Download package, / });
  await expect(take).toBeVisible({ timeout: 90_000 });
  await expect(panel.getByText('Night_Tide_square_v001_h264.zip')).toBeVisible();
  await shoot(page, 'made');
  await panel.getByLabel('Movie').selectOption('prores_4444');
  await expect(panel.getByRole('button', { name: 'Make package' })).toBeVisible();
  await panel.getByLabel('Movie').selectOption('h264');

  // Whole, and in two pieces.
  const href = (await take.getAttribute('href'))!;
  const whole = await (await page.request.get(href)).body();
  const first = await page.request.get(href, { headers: { range: 'bytes=0-999' } });
  expect(first.status()).toBe(206);
  const rest = await page.request.get(href, { headers: { range: 'bytes=1000-' } });
  expect(Buffer.concat([await first.body(), await rest.body()]).equals(whole)).toBe(true);
  const folder = path(server.dataDir, 'taken');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path(folder, 'package.zip'), whole);
  execFileSync('python3', ['-m', 'zipfile', '-e', 'package.zip', '.'], { cwd: folder });
  const inside = path(folder, 'Night_Tide_square_v001');
  execFileSync('sha256sum', ['--strict', '--quiet', '--check', 'SHA256SUMS'], { cwd: inside });
  execFileSync('ffmpeg', ['-v', 'error', '-i', 'Night_Tide_square_v001_h264.mov', '-f', 'null', '-'], { cwd: inside });

  // A link that grants downloads, on a phone.
  await page.getByRole('button', { name: 'Share…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Share with the client' });
  await dialog.getByLabel(/download/i).check();
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  const address = await dialog.getByLabel('Address of the link').inputValue();
  const viewport = { width: 390, height: 844 };
  const context = await browser.newContext({ baseURL: server.baseURL, viewport, hasTouch: true, isMobile: true });
  const client = await context.newPage();
  listen(client, (text) => said.push(text));
  await open(client, new URL(address).pathname);
  const movies = client.getByRole('group', { name: 'Movie to take away' });
  await movies.scrollIntoViewIfNeeded();
  await expect(movies.getByRole('link', { name: /^Download, / })).toBeVisible();
  const wide = await client.evaluate(() => document.documentElement.scrollWidth);
  expect(wide, 'nothing reaches over the edge of a phone').toBeLessThanOrEqual(390);
  await shoot(client, 'phone');
  const movie = await client.request.get((await movies.getByRole('link').getAttribute('href'))!);
  expect(movie.headers()['content-type']).toBe('video/quicktime');
  await movies.getByLabel('Movie').selectOption('prores_422_hq');
  await movies.getByRole('button', { name: 'Prepare this movie' }).tap();
  await expect(movies.getByRole('link', { name: /^Download, / })).toBeVisible({ timeout: 60_000 });
  const archive = href.replace('/media/', `/share-media/${new URL(address).pathname.split('/').pop()}/`);
  expect((await client.request.get(archive)).status(), 'no package for guests').toBe(404);
  expect(said, 'warnings and errors in the guest’s browser').toEqual([]);
  await context.close();
});
