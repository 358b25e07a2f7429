// The whole story of a sign-off, on plain http under a host name that is not localhost: a shot is assigned and made, the
// supervisor and the artist settle it in threads over three versions, the producer makes a link through which the client reviews
// on a phone, takes the package away and withdraws the link; then an administrator backs everything up, deletes the project and
// restores it.
// On drawn footage with the tests; `cargo xtask prove signoff` takes the real shot `pillow`, in 4K.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import type { Browser, Page } from '@playwright/test';
import { ask } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo, onPlate } from '../lib/desk';
import { becomeOwner, inviteLink, join, makeProject, signInOwner } from '../lib/people';
import { phone, press, swipe } from '../lib/phone';
import { output, proving, serverBin } from '../lib/place';
import { record } from '../lib/proof';
import { type At, plateIn, realShots } from '../lib/real';
import { Server } from '../lib/server';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: proving ? 0 : 480_000 });
test.use({ origin: 'studio.test' });

/** What is signed off. */
type Subject = { path: string; name: string; width: number; height: number; frames: number; clicks: At[]; area: [number, number, number, number] };

/** The plate: what the project draws or, for the proof, the real shot. `area`: of the drawings, as shares of the picture. */
function subject(folder: string): Subject {
  const real = realShots.find((shot) => shot.name === 'pillow');
  if (!proving) {
    const clip = movingSquare(path(folder, 'square.mp4'), 30);
    return { ...clip, name: 'square', clicks: [{ frame: 0, x: 62, y: 92 }], area: [0.53, 0.33, 0.75, 0.7] };
  }
  if (!real) throw new Error('The proof needs the real shot `pillow` beside this checkout.');
  return { ...real, path: plateIn(path(folder, 'plates'), real), area: [0.2, 0.3, 0.45, 0.6] };
}

/** How long a step of the worker may take. */
const WORK = proving ? 30 * 60_000 : 90_000;

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

/** An older version says that it is one and asks for no decision; ends on the newest, which does. */
async function olderIsReadOnly(page: Page): Promise<void> {
  const pills = page.getByRole('group', { name: 'Result versions' });
  const approve = page.getByRole('button', { name: /^Approve v\d/ });
  await expect(approve).toHaveText('Approve v3');
  await pills.getByRole('button', { name: /^v1/ }).click();
  await expect(page.getByText('v1 is an older version; decisions go to v3.')).toBeVisible();
  await expect(approve).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Ask for changes' })).toHaveCount(0);
  await pills.getByRole('button', { name: /^v3/ }).click();
  await expect(approve).toHaveText('Approve v3');
}

test('a team and its client sign a removal off and take it away', async ({ page, browser, server }) => {
  const said: string[] = [];
  const clip = subject(server.dataDir);
  const { name } = clip;
  const [left, top, right, bottom] = clip.area;
  const spot = (page: Page, x: number, y: number) => onPlate(page, x * clip.width, y * clip.height, clip);
  await becomeOwner(page);
  expect(await page.evaluate(() => window.isSecureContext), 'plain http in a network').toBe(false);
  await makeProject(page, 'Night Tide');
  const board = new URL(page.url()).pathname;

  // The owner has set the studio up; from here on the producer runs the project.
  const [producerContext, producer] = await join(browser, await inviteLink(page, 'producer', 'Night Tide'), 'Producer');
  await open(producer, board);
  await producer.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(producer.getByText('Ready to annotate').first()).toBeVisible({ timeout: WORK });
  const [supervisorContext, supervisor] = await join(browser, await inviteLink(producer, 'supervisor', 'Night Tide'), 'Supervisor');
  const [artistContext, artist] = await join(browser, await inviteLink(producer, 'artist', 'Night Tide'), 'Artist');
  for (const each of [producer, supervisor, artist]) {
    listen(each, (text) => said.push(text));
    await each.setViewportSize({ width: 1440, height: 900 });
  }

  // Assigned, and found under what needs the artist.
  await open(supervisor, board);
  await supervisor.getByRole('link', { name }).first().click();
  await supervisor.getByRole('button', { name: /Assign…/ }).click();
  const assign = supervisor.getByRole('dialog', { name: `Who works on ${name}` });
  await assign.getByLabel('Artist').check();
  await assign.getByRole('button', { name: 'Done' }).click();
  await open(artist, '/needs-me');
  await artist.getByRole('listitem').filter({ hasText: 'Mark what goes' }).getByRole('link').click();
  await artist.waitForURL(/\/targets$/);
  const shot = new URL(artist.url()).pathname.replace(/\/[^/]+$/, '');

  // The artist makes the mask; the supervisor approves it; version 1 comes.
  await expect(artist.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  let at = -1;
  for (const click of clip.clicks) {
    if (click.frame !== at) {
      await goTo(artist, click.frame);
      await artist.keyboard.press('x');
      at = click.frame;
    }
    await clickPlate(artist, click.x, click.y, clip);
  }
  await artist.getByRole('button', { name: 'Grow mask over the shot' }).click();
  // By the job: the answers to the clicks cover some frames before, and a short clip is grown before anybody sees that it runs.
  const grown = () => ask(server.dataDir, "select state from job where kind = 'segment'")[0]?.state;
  await expect.poll(grown, { timeout: WORK }).toBe('done');
  await artist.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(artist.getByText(new RegExp(`covered on \\d+/${clip.frames} frames`))).toBeVisible({ timeout: WORK });
  await expect(artist.getByRole('region', { name: 'Grow primary mask' })).toHaveCount(0, { timeout: WORK });
  await agree(artist, 'Send quadmask v1 to review', /send/i);
  await open(supervisor, `${shot}/quadmask`);
  await agree(supervisor, 'Approve quadmask v1', /approve/i);
  await open(artist, `${shot}/review`);
  await open(supervisor, `${shot}/review`);
  await expect(card(artist, 'Version 1 arrived')).toBeVisible({ timeout: WORK });
  await expect(supervisor.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 30_000 });

  // Frame 1024, with a drawing, among the team; another thread for the client.
  await goTo(supervisor, 23);
  await supervisor.keyboard.press('c');
  await supervisor.getByRole('textbox', { name: 'Comment', exact: true }).fill('The edge is hard here, @Artist');
  await supervisor.getByRole('button', { name: 'Ellipse' }).click();
  const [from, to] = [await spot(supervisor, left, top), await spot(supervisor, right, bottom)];
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
    await expect(card(supervisor, `Version ${n} arrived`)).toBeVisible({ timeout: WORK });
    await artist.getByRole('link', { name: /Review/ }).first().click();
  }
  await card(supervisor, 'The edge is hard here').getByText('The edge is hard here').click();
  await supervisor.keyboard.press('r');
  await expect(card(supervisor, 'The edge is hard here')).toContainText('✓ Resolved');
  await open(supervisor, `${shot}/review`);
  await agree(supervisor, 'Approve v3', /approve/i);
  await expect(supervisor.getByText('Result v3 approved').first()).toBeVisible();

  // The link: three versions, a password, an end; looked at as the client will.
  await open(producer, `${shot}/review`);
  await producer.getByRole('button', { name: 'Share…' }).click();
  const dialog = producer.getByRole('dialog', { name: 'Share with the client' });
  await expect(dialog.getByRole('note')).toHaveText('Everybody in your network who has the link and reaches studio.test can open it.');
  for (const version of ['v1', 'v2', 'v3']) await dialog.getByLabel(version, { exact: true }).check();
  await expect(dialog.getByText('3 chosen')).toBeVisible();
  await dialog.getByLabel('Password (optional)').fill(SECRET);
  await dialog.getByLabel('Name, which the client reads').fill(`${name}, for approval`);
  await dialog.getByLabel('Open for').selectOption({ index: 0 });
  const tomorrow = Date.now() + 24 * 3_600_000;
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  const address = await dialog.getByLabel('Address of the link').inputValue();
  expect(address.startsWith('http://studio.test:'), address).toBe(true);
  await dialog.getByRole('tab', { name: /Links/ }).click();
  const popup = producer.waitForEvent('popup');
  await dialog.getByRole('link', { name: 'Preview as client' }).click();
  const preview = await popup;
  listen(preview, (text) => said.push(text));
  await expect(preview.getByText('Preview', { exact: true })).toBeVisible();
  await expect(preview.getByText('The edge is hard here')).toHaveCount(0);
  await expect(preview.getByText('Is this pace right for you?')).toBeVisible();
  const until = preview.locator('.share__until');
  await expect(until).toHaveText(/^Link expires \d{1,2} [A-Z][a-z]{2} \d{4} · downloads off$/);
  const expires = Date.parse((await until.locator('time').getAttribute('datetime'))!);
  expect(Math.abs(expires - tomorrow), 'it is open for one day').toBeLessThan(10 * 60_000);
  await shoot(preview, 'preview');
  await olderIsReadOnly(preview);
  await preview.close();
  await producer.keyboard.press('Escape');

  // The client, on a phone: password, drawing, name, changes, later approval.
  const [clientContext, client] = await phone(browser, server.baseURL);
  listen(client, (text) => said.push(text));
  await open(client, new URL(address).pathname);
  await client.getByLabel('Password').fill(SECRET);
  await client.getByRole('button', { name: 'Open' }).tap();
  await expect(client.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 30_000 });
  await client.getByRole('button', { name: 'Got it' }).tap();
  await olderIsReadOnly(client);
  await client.getByRole('textbox', { name: 'Comment', exact: true }).tap();
  await client.getByRole('textbox', { name: 'Comment', exact: true }).fill('A shade is left.');
  await client.getByRole('button', { name: 'Draw', exact: true }).tap();
  await client.evaluate(() => window.scrollTo(0, 0));
  const [start, end] = [await spot(client, left, top), await spot(client, right, bottom)];
  await swipe(client, [start, { x: end.x, y: start.y }, end, { x: start.x, y: end.y }]);
  const who = client.getByRole('dialog', { name: 'Who is speaking?' });
  await press(client.getByRole('button', { name: 'Comment', exact: true }), who.getByLabel('Your name'));
  await who.getByLabel('Your name').fill('Client');
  await press(who.getByRole('button', { name: 'Go on' }), card(client, 'A shade is left.'));
  await expect(card(producer, 'A shade is left.')).toBeVisible();
  const change = client.getByRole('dialog').getByLabel('What should change');
  await press(client.getByRole('button', { name: 'Ask for changes' }), change);
  await change.fill('Take the shade away, please.');
  await press(client.getByRole('dialog').getByRole('button', { name: 'Ask for changes' }), card(producer, 'Take the shade away'));
  await answer(producer, 'A shade is left.', 'That is the wall’s own grain.');
  await expect(card(client, 'the wall’s own grain')).toBeVisible();
  await shoot(client, 'phone');
  const yes = client.getByRole('dialog').getByRole('button', { name: 'Approve result v3' });
  await press(client.getByRole('button', { name: 'Approve v3' }), yes);
  await press(yes, producer.getByRole('article', { name: /Client approved result v3/ }));

  // The package; then the link is withdrawn while the client looks.
  await producer.getByRole('tab', { name: 'Result' }).click();
  const panel = producer.getByRole('region', { name: 'Package' });
  await panel.getByRole('button', { name: 'Make package' }).click();
  const take = panel.getByRole('link', { name: /^Download package, / });
  await expect(take).toBeVisible({ timeout: WORK });
  const folder = path(server.dataDir, 'taken');
  mkdirSync(folder, { recursive: true });
  const download = producer.waitForEvent('download');
  await take.click();
  await (await download).saveAs(path(folder, 'package.zip'));
  execFileSync('python3', ['-m', 'zipfile', '-e', 'package.zip', '.'], { cwd: folder });
  execFileSync('sha256sum', ['--strict', '--quiet', '--check', 'SHA256SUMS'], { cwd: path(folder, `Night_Tide_${name}_v003`) });
  await shoot(producer, 'package');
  await producer.getByRole('button', { name: 'Share…' }).click();
  await dialog.getByRole('tab', { name: /Links/ }).click();
  await dialog.getByRole('button', { name: 'Withdraw…' }).click();
  await dialog.getByRole('button', { name: 'Withdraw for good' }).click();
  await expect(client.getByRole('heading', { name: 'This link is closed' })).toBeVisible();
  await producer.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  const restored = mkdtempSync(path(tmpdir(), 'minus-one-restored-'));
  try {
    await lostAndFound(page, browser, server, restored, board, shot);
  } finally {
    rmSync(restored, { recursive: true, force: true, maxRetries: 5 });
  }

  expect(said.filter((text) => !/401|410|Gone|Unauthorized/.test(text)), 'warnings and errors in the other browsers').toEqual([]);
  record({ shot: name, size: `${clip.width}×${clip.height}`, frames: clip.frames, versions: 3, origin: new URL(server.baseURL).hostname });
  for (const context of [producerContext, supervisorContext, artistContext, clientContext]) await context.close();
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
    await expect(owner.getByRole('article', { name: /Client approved result v3/ })).toBeVisible();
    await goTo(owner, 23);
    await owner.getByRole('tab', { name: 'Result' }).click();
    await expect(owner.getByRole('region', { name: 'Package' }).getByRole('link', { name: /^Download package, / })).toBeVisible();
    await shoot(owner, 'restored');
  } finally {
    await context.close();
    await again.stop();
  }
}
