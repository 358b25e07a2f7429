// The whole story of a sign-off, on plain http under a host name that is not localhost: a shot is assigned and made, the
// supervisor and the artist settle it in threads over three versions, the client reviews on a phone through a link, the
// package is taken away and the link withdrawn; then an administrator backs everything up, deletes the project and restores it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import type { Browser, Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo, onPlate } from '../lib/desk';
import { becomeOwner, inviteLink, join, makeProject, signInOwner } from '../lib/people';
import { phone, press, swipe } from '../lib/phone';
import { output, serverBin } from '../lib/place';
import { Server } from '../lib/server';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 480_000 });
test.use({ origin: 'studio.test' });

const SECRET = 'seven grey stones';
const card = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text });

async function shoot(page: Page, name: string): Promise<void> {
  const folder = path(output, 'signoff');
  mkdirSync(folder, { recursive: true });
  await page.waitForTimeout(400);
  await page.screenshot({ path: path(folder, `${name}.png`) });
}

/** Says something on the frame that is looked at. */
async function say(page: Page, text: string, forClient = false): Promise<void> {
  await page.keyboard.press('c');
  await page.getByRole('textbox', { name: 'Comment', exact: true }).fill(text);
  if (forClient) await page.getByRole('switch', { name: 'For the client' }).click();
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await expect(card(page, text)).toBeVisible();
}

async function answer(page: Page, thread: string, text: string): Promise<void> {
  await card(page, thread).click();
  await page.getByRole('textbox', { name: 'Answer' }).fill(text);
  await page.getByRole('button', { name: 'Answer', exact: true }).click();
  await expect(card(page, thread)).toContainText(text);
}

async function agree(page: Page, button: string, yes: RegExp): Promise<void> {
  await page.getByRole('button', { name: button }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: yes }).click();
}

test('a team and its client sign a removal off and take it away', async ({ page, browser, server }) => {
  const said: string[] = [];
  const clip = movingSquare(path(server.dataDir, 'square.mp4'), 30);
  await becomeOwner(page);
  expect(await page.evaluate(() => window.isSecureContext), 'plain http in a network').toBe(false);
  await makeProject(page, 'Night Tide');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  const [supervisorContext, supervisor] = await join(browser, await inviteLink(page, 'supervisor', 'Night Tide'), 'Supervisor');
  const [artistContext, artist] = await join(browser, await inviteLink(page, 'artist', 'Night Tide'), 'Artist');
  for (const each of [supervisor, artist]) {
    listen(each, (text) => said.push(text));
    await each.setViewportSize({ width: 1440, height: 900 });
  }

  // Assigned, and found under what needs the artist.
  await open(supervisor, board);
  await supervisor.getByRole('link', { name: 'square' }).first().click();
  await supervisor.getByRole('button', { name: /Assign…/ }).click();
  const assign = supervisor.getByRole('dialog', { name: 'Who works on square' });
  await assign.getByLabel('Artist').check();
  await assign.getByRole('button', { name: 'Done' }).click();
  await open(artist, '/needs-me');
  await artist.getByRole('listitem').filter({ hasText: 'Mark what goes' }).getByRole('link').click();
  await artist.waitForURL(/\/targets$/);
  const shot = new URL(artist.url()).pathname.replace(/\/[^/]+$/, '');

  // The artist makes the mask; the supervisor approves it; version 1 comes.
  await expect(artist.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await artist.keyboard.press('x');
  await clickPlate(artist, 62, 92, clip);
  await artist.getByRole('button', { name: 'Grow mask over the shot' }).click();
  await artist.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(artist.getByText(`covered on ${clip.frames}/${clip.frames} frames`)).toBeVisible({ timeout: 60_000 });
  await expect(artist.getByRole('region', { name: 'Grow primary mask' })).toHaveCount(0, { timeout: 60_000 });
  await agree(artist, 'Send quadmask v1 to review', /send/i);
  await open(supervisor, `${shot}/quadmask`);
  await agree(supervisor, 'Approve quadmask v1', /approve/i);
  await open(artist, `${shot}/review`);
  await open(supervisor, `${shot}/review`);
  await expect(card(artist, 'Version 1 arrived')).toBeVisible({ timeout: 90_000 });
  await expect(supervisor.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 30_000 });

  // Frame 1024, with a drawing, among the team; another thread for the client.
  await goTo(supervisor, 23);
  await supervisor.keyboard.press('c');
  await supervisor.getByRole('textbox', { name: 'Comment', exact: true }).fill('The edge is hard here, @Artist');
  await supervisor.getByRole('button', { name: 'Ellipse' }).click();
  const [from, to] = [await onPlate(supervisor, 170, 60, clip), await onPlate(supervisor, 240, 125, clip)];
  await supervisor.mouse.move(from.x, from.y);
  await supervisor.mouse.down();
  await supervisor.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2);
  await supervisor.mouse.move(to.x, to.y);
  await supervisor.mouse.up();
  await supervisor.getByRole('button', { name: 'Comment', exact: true }).click();
  await expect(card(artist, 'The edge is hard here')).toContainText('f1024');
  await say(supervisor, 'Is this pace right for you?', true);
  await shoot(supervisor, 'threads');

  // The artist answers; two more versions arrive in the thread, each after what was asked.
  await answer(artist, 'The edge is hard here', 'Softer in the next one.');
  await expect(card(supervisor, 'The edge is hard here')).toContainText('Softer in the next one.');
  for (const n of [2, 3]) {
    await supervisor.getByRole('button', { name: 'Ask for changes' }).first().click();
    await supervisor.getByRole('dialog').getByLabel('What should change').fill(`A softer edge, round ${n}.`);
    await supervisor.getByRole('dialog').getByRole('button', { name: /ask/i }).click();
    await expect(card(artist, `round ${n}.`)).toBeVisible();
    await artist.getByRole('link', { name: /Removal/ }).first().click();
    await artist.getByRole('button', { name: 'Run again' }).click();
    await expect(card(supervisor, `Version ${n} arrived`)).toBeVisible({ timeout: 90_000 });
    await artist.getByRole('link', { name: /Review/ }).first().click();
  }
  await card(supervisor, 'The edge is hard here').getByText('The edge is hard here').click();
  await supervisor.keyboard.press('r');
  await expect(card(supervisor, 'The edge is hard here')).toContainText('✓ Resolved');
  await open(supervisor, `${shot}/review`);
  await agree(supervisor, 'Approve v3', /approve/i);
  await expect(supervisor.getByText('Result v3 approved').first()).toBeVisible();

  // The link: three versions, a password, an end; looked at as the client will.
  await open(page, `${shot}/review`);
  await page.getByRole('button', { name: 'Share…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Share with the client' });
  await expect(dialog.getByRole('note')).toContainText(/Everybody in your network .* studio\.test/);
  for (const version of ['v1', 'v2', 'v3']) await dialog.getByLabel(version, { exact: true }).check();
  await expect(dialog.getByText('3 chosen')).toBeVisible();
  await dialog.getByLabel('Password (optional)').fill(SECRET);
  await dialog.getByLabel('Name, which the client reads').fill('Square, for approval');
  await dialog.getByLabel('Open for').selectOption({ index: 0 });
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  const address = await dialog.getByLabel('Address of the link').inputValue();
  expect(address.startsWith('http://studio.test:'), address).toBe(true);
  await dialog.getByRole('tab', { name: /Links/ }).click();
  const popup = page.waitForEvent('popup');
  await dialog.getByRole('link', { name: 'Preview as client' }).click();
  const preview = await popup;
  await expect(preview.getByText('Preview', { exact: true })).toBeVisible();
  await expect(preview.getByText('The edge is hard here')).toHaveCount(0);
  await expect(preview.getByText('Is this pace right for you?')).toBeVisible();
  await shoot(preview, 'preview');
  await preview.close();
  await page.keyboard.press('Escape');

  // The client, on a phone: password, drawing, name, changes, later approval.
  const [clientContext, client] = await phone(browser, server.baseURL);
  listen(client, (text) => said.push(text));
  await open(client, new URL(address).pathname);
  await client.getByLabel('Password').fill(SECRET);
  await client.getByRole('button', { name: 'Open' }).tap();
  await expect(client.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 30_000 });
  await client.getByRole('button', { name: 'Got it' }).tap();
  await client.getByRole('textbox', { name: 'Comment', exact: true }).tap();
  await client.getByRole('textbox', { name: 'Comment', exact: true }).fill('A shade is left.');
  await client.getByRole('button', { name: 'Draw', exact: true }).tap();
  await client.evaluate(() => window.scrollTo(0, 0));
  const [start, end] = [await onPlate(client, 60, 60, clip), await onPlate(client, 130, 120, clip)];
  await swipe(client, [start, { x: end.x, y: start.y }, end, { x: start.x, y: end.y }]);
  const who = client.getByRole('dialog', { name: 'Who is speaking?' });
  await press(client.getByRole('button', { name: 'Comment', exact: true }), who.getByLabel('Your name'));
  await who.getByLabel('Your name').fill('Client');
  await press(who.getByRole('button', { name: 'Go on' }), card(client, 'A shade is left.'));
  await expect(card(page, 'A shade is left.')).toBeVisible();
  const change = client.getByRole('dialog').getByLabel('What should change');
  await press(client.getByRole('button', { name: 'Ask for changes' }), change);
  await change.fill('Take the shade away, please.');
  await press(client.getByRole('dialog').getByRole('button', { name: 'Ask for changes' }), card(page, 'Take the shade away'));
  await answer(page, 'A shade is left.', 'That is the wall’s own grain.');
  await expect(card(client, 'the wall’s own grain')).toBeVisible();
  await shoot(client, 'phone');
  const yes = client.getByRole('dialog').getByRole('button', { name: /Approve result v\d/ });
  await press(client.getByRole('button', { name: /^Approve v\d/ }), yes);
  await press(yes, page.getByRole('article', { name: /Client approved result v\d/ }));

  // The package; then the link is withdrawn while the client looks.
  await page.getByRole('tab', { name: 'Result' }).click();
  const panel = page.getByRole('region', { name: 'Package' });
  await panel.getByRole('button', { name: 'Make package' }).click();
  const take = panel.getByRole('link', { name: /^Download package, / });
  await expect(take).toBeVisible({ timeout: 90_000 });
  const folder = path(server.dataDir, 'taken');
  mkdirSync(folder, { recursive: true });
  const download = page.waitForEvent('download');
  await take.click();
  await (await download).saveAs(path(folder, 'package.zip'));
  execFileSync('python3', ['-m', 'zipfile', '-e', 'package.zip', '.'], { cwd: folder });
  execFileSync('sha256sum', ['--strict', '--quiet', '--check', 'SHA256SUMS'], { cwd: path(folder, 'Night_Tide_square_v003') });
  await shoot(page, 'package');
  await page.getByRole('button', { name: 'Share…' }).click();
  await dialog.getByRole('tab', { name: /Links/ }).click();
  await dialog.getByRole('button', { name: 'Withdraw…' }).click();
  await dialog.getByRole('button', { name: 'Withdraw for good' }).click();
  await expect(client.getByRole('heading', { name: 'This link is closed' })).toBeVisible();

  const restored = mkdtempSync(path(tmpdir(), 'minus-one-restored-'));
  try {
    await lostAndFound(page, browser, server, restored, board, shot);
  } finally {
    rmSync(restored, { recursive: true, force: true, maxRetries: 5 });
  }

  expect(said.filter((text) => !/401|410|Gone|Unauthorized/.test(text)), 'warnings and errors in the other browsers').toEqual([]);
  for (const context of [supervisorContext, artistContext, clientContext]) await context.close();
});

/** Backs up while the server runs, deletes the project for good, and finds all of it again in a restored copy. */
async function lostAndFound(page: Page, browser: Browser, server: Server, folder: string, board: string, shot: string): Promise<void> {
  const [safe, dataDir] = [path(folder, 'safe'), path(folder, 'data')];
  const run = (...words: string[]) => execFileSync(serverBin, words, { encoding: 'utf8' });
  run('backup', '--to', safe, '--data', server.dataDir);
  expect(run('backup', 'verify', '--from', safe)).not.toBe('');

  await open(page, `${board}/settings`);
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Move to the bin' }).click();
  await page.waitForURL((url) => url.pathname === '/');
  await open(page, '/bin');
  await page.getByRole('row').filter({ hasText: 'Night Tide' }).first().getByRole('button', { name: 'Delete for good…' }).click();
  await page.getByRole('dialog').getByLabel('Type this to go on').fill('Night Tide');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click();
  await expect(page.getByText('The bin is empty')).toBeVisible();

  run('restore', '--from', safe, '--data', dataDir);
  run('history', 'check', '--data', dataDir);
  const again = await Server.start({ origin: 'studio.test', dataDir, worker: false });
  const context = await browser.newContext({ baseURL: again.baseURL, viewport: { width: 1440, height: 900 } });
  try {
    const owner = await context.newPage();
    await signInOwner(owner);
    await open(owner, board);
    await expect(owner.locator('.card[data-phase="approved"]')).toHaveCount(1);
    await open(owner, `${shot}/review`);
    await expect(owner.getByText('Result v3 approved').first()).toBeVisible();
    await expect(card(owner, 'The edge is hard here')).toContainText('Softer in the next one.');
    await expect(card(owner, 'A shade is left.')).toContainText('the wall’s own grain');
    await expect(owner.getByRole('article', { name: /Client approved result v\d/ })).toBeVisible();
    await goTo(owner, 23);
    await owner.getByRole('tab', { name: 'Result' }).click();
    await expect(owner.getByRole('region', { name: 'Package' }).getByRole('link', { name: /^Download package, / })).toBeVisible();
    await shoot(owner, 'restored');
  } finally {
    await context.close();
    await again.stop();
  }
}
