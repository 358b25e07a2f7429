// Comment threads with four browsers: what is said and drawn arrives without a reload, pins lead to it, the client gets
// only what is for the client, and a new version arrives in the thread of the shot.

import { mkdirSync } from 'node:fs';
import { join as path } from 'node:path';
import type { Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo, onPlate } from '../lib/desk';
import { becomeOwner, inviteLink, join, makeProject } from '../lib/people';
import { output } from '../lib/place';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 360_000 });

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1440, height: 900 };

/** Pictures of both sizes, to be looked at. */
async function shoot(page: Page, name: string): Promise<void> {
  const folder = path(output, 'threads');
  mkdirSync(folder, { recursive: true });
  for (const [size, end] of [[DESK, ''], [PHONE, '-phone']] as const) {
    await page.setViewportSize(size);
    await page.waitForTimeout(400);
    await page.screenshot({ path: path(folder, `${name}${end}.png`), fullPage: true });
  }
  await page.setViewportSize(DESK);
}

const field = (page: Page) => page.getByLabel('Comment', { exact: true });
const card = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text });
const inks = (page: Page) => page.locator('.ink__line, .ink__text');

test('what is said on a frame reaches everybody who may hear it', async ({ page, browser, server }) => {
  const said: string[] = [];
  const clip = movingSquare(path(server.dataDir, 'square.mp4'), 14);
  await becomeOwner(page);
  await makeProject(page, 'Threads');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  const links = {
    supervisor: await inviteLink(page, 'supervisor', 'Threads'),
    artist: await inviteLink(page, 'artist', 'Threads'),
    client: await inviteLink(page, 'client', 'Threads'),
  };
  const [supervisorContext, supervisor] = await join(browser, links.supervisor, 'Supervisor');
  const [artistContext, artist] = await join(browser, links.artist, 'Artist');
  const [clientContext, client] = await join(browser, links.client, 'Client');
  for (const each of [supervisor, artist, client]) {
    listen(each, (text) => said.push(text));
    each.on('dialog', (dialog) => said.push(`a script ran: ${dialog.message()}`));
    await each.setViewportSize(DESK);
  }

  // A first version.
  await open(page, board);
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  const shot = new URL(page.url()).pathname.replace(/\/[^/]+$/, '');
  await page.keyboard.press('x');
  await clickPlate(page, 62, 92, clip);
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(page.getByText(`covered on ${clip.frames}/${clip.frames} frames`)).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('region', { name: 'Grow primary mask' })).toHaveCount(0, { timeout: 60_000 });

  // Even before there is a version, on the step that is being worked on.
  await page.getByRole('tab', { name: 'Comments' }).click();
  await goTo(page, 3);
  await page.keyboard.press('c');
  await field(page).fill('The mask is open at the left. See https://studio.test/notes?a=1.');
  await page.keyboard.press('Control+Enter');
  await expect(card(page, 'open at the left')).toBeVisible();
  await expect(card(page, 'open at the left').getByRole('link')).toHaveAttribute('href', 'https://studio.test/notes?a=1');
  await page.getByRole('tab', { name: 'Quadmask' }).click();
  await page.getByRole('button', { name: /^Send quadmask v\d to review/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: /send/i }).click();
  await page.getByRole('button', { name: 'Approve quadmask v1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
  await expect(page.getByText('Result v1 in review').first()).toBeVisible({ timeout: 90_000 });
  await page.getByRole('link', { name: /Review/ }).first().click();
  await page.getByRole('tab', { name: 'Result' }).click();
  await page.getByLabel('Show this version to the client').check();

  for (const each of [supervisor, artist, client]) {
    await open(each, `${shot}/review`);
    await expect(each.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 60_000 });
  }
  await expect(card(artist, 'Version 1 arrived')).toBeVisible();
  await expect(card(client, 'Version 1 arrived')).toHaveCount(0);

  // The supervisor draws on frame 1006 and names the artist; only the team gets it.
  await goTo(supervisor, 5);
  await supervisor.keyboard.press('c');
  await field(supervisor).fill('<img src=x onerror=alert(1)> A rim here, @Art');
  await supervisor.getByRole('button', { name: '@Artist' }).click();
  await expect(field(supervisor)).toHaveValue('<img src=x onerror=alert(1)> A rim here, @Artist ');
  await supervisor.getByRole('button', { name: 'Ellipse' }).click();
  const from = await onPlate(supervisor, 60, 60, clip);
  const to = await onPlate(supervisor, 130, 125, clip);
  await supervisor.mouse.move(from.x, from.y);
  await supervisor.mouse.down();
  await supervisor.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2);
  await supervisor.mouse.move(to.x, to.y);
  await supervisor.mouse.up();
  await supervisor.getByRole('button', { name: 'Text on the picture' }).click();
  await clickPlate(supervisor, 150, 60, clip);
  await supervisor.getByLabel('Words on the picture').fill('rim');
  await supervisor.getByLabel('Words on the picture').press('Enter');
  await expect(inks(supervisor)).toHaveCount(2);
  await supervisor.getByRole('button', { name: 'Comment', exact: true }).click();
  await expect(card(supervisor, 'A rim here')).toBeVisible();
  await expect(field(supervisor)).toHaveValue('');

  // It is at the artist's without a reload, as new, as text, with its pin.
  await expect(card(artist, 'A rim here')).toBeVisible();
  await expect(card(artist, 'A rim here')).toContainText('<img src=x onerror=alert(1)>');
  await expect(card(artist, 'A rim here')).toContainText('1 new');
  await expect(card(artist, 'A rim here').locator('.prose__name[data-me]')).toHaveText('@Artist');
  await expect(artist.getByRole('tab', { name: /Comments/ })).toContainText('3');
  await goTo(artist, 13);
  await expect(inks(artist)).toHaveCount(0);
  await artist.getByRole('button', { name: /^f1006, Supervisor/ }).click();
  await expect(artist.locator('.stage__picture')).toHaveAttribute('data-frame', '5');
  await expect(inks(artist)).toHaveCount(2);
  await expect(card(artist, 'A rim here')).not.toContainText('new');
  await artist.getByLabel('Answer').fill('Seen; growing the edge.');
  await artist.getByLabel('Answer').press('Control+Enter');
  await expect(card(supervisor, 'A rim here')).toContainText('Seen; growing the edge.');

  // A range for the client.
  await goTo(supervisor, 8);
  await supervisor.keyboard.press('i');
  await goTo(supervisor, 12);
  await supervisor.keyboard.press('o');
  await supervisor.keyboard.press('Shift+C');
  await field(supervisor).fill('Is the wall right for you here?');
  await supervisor.getByRole('switch', { name: 'For the client' }).click();
  await supervisor.keyboard.press('Tab');
  await supervisor.getByRole('button', { name: 'Comment', exact: true }).click();
  await expect(card(client, 'Is the wall right')).toBeVisible();
  await expect(card(client, 'Is the wall right')).toContainText('f1009–1013');
  await expect(client.getByText('A rim here')).toHaveCount(0);
  await expect(client.getByText('open at the left')).toHaveCount(0);
  await expect(client.getByRole('button', { name: /^f1006/ })).toHaveCount(0);
  await goTo(client, 5);
  await expect(inks(client)).toHaveCount(0);
  await client.getByRole('button', { name: /^f1009–1013, / }).click();
  await expect(client.locator('.stage__picture')).toHaveAttribute('data-frame', '8');
  await client.getByLabel('Answer').fill('Yes, but the light drops.');
  await client.getByLabel('Answer').press('Control+Enter');
  await expect(card(artist, 'Is the wall right')).toContainText('Yes, but the light drops.');
  await shoot(artist, 'review');
  await shoot(client, 'client');

  // What was being written survives a reload.
  await field(artist).fill('Half a thought');
  await open(artist, `${shot}/review`);
  await expect(field(artist)).toHaveValue('Half a thought');
  await field(artist).fill('');

  // Edit and delete one's own; the answers stay where they are.
  const own = card(supervisor, 'Is the wall right');
  await own.getByText('Is the wall right').click();
  await own.locator('.comment__own summary').first().click();
  await own.getByRole('button', { name: 'Edit', exact: true }).click();
  await own.getByLabel('Your comment in other words').fill('Is the wall fine for you here?');
  await own.getByRole('button', { name: 'Save' }).click();
  await expect(card(client, 'Is the wall fine')).toContainText('edited');
  const answer = card(artist, 'Seen; growing the edge.');
  await answer.getByText('Seen; growing').click();
  await answer.locator('.comment__own summary').click();
  await answer.getByRole('button', { name: 'Delete…' }).click();
  await artist.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(card(supervisor, 'A rim here')).toContainText('This comment was deleted.');

  // Keys go from thread to thread; the supervisor resolves, and everybody sees it.
  await goTo(supervisor, 0);
  await supervisor.keyboard.press('.');
  await supervisor.keyboard.press(',');
  await supervisor.keyboard.press(',');
  await card(supervisor, 'A rim here').getByText('A rim here').click();
  await expect(supervisor.locator('.stage__picture')).toHaveAttribute('data-frame', '5');
  await supervisor.keyboard.press('r');
  await expect(card(artist, 'A rim here')).toContainText('✓ Resolved');
  await artist.getByRole('button', { name: /^Resolved/ }).click();
  await expect(artist.getByRole('article')).toHaveCount(1);
  await artist.getByRole('button', { name: /^All \d/ }).click();

  // What was asked for and what came of it is one history.
  await supervisor.getByRole('button', { name: 'Ask for changes' }).click();
  await supervisor.getByRole('dialog').getByLabel('What should change').fill('Wider edge, please.');
  await supervisor.getByRole('dialog').getByRole('button', { name: /ask/i }).click();
  await expect(card(artist, 'asked for changes to result v1')).toContainText('Wider edge, please.');
  await artist.getByRole('link', { name: /Removal/ }).first().click();
  await artist.getByRole('button', { name: 'Run again' }).click();
  await expect(card(supervisor, 'Version 2 arrived')).toBeVisible({ timeout: 90_000 });
  await expect(card(supervisor, 'Version 1 arrived')).toHaveCount(1);
  await expect(client.getByText('Version 2 arrived')).toHaveCount(0);
  await shoot(supervisor, 'supervisor');

  // Taken from the client, it is gone there at once.
  await card(supervisor, 'Is the wall fine').locator('.thread__where summary').click();
  await card(supervisor, 'Is the wall fine').getByRole('button', { name: 'Make it internal' }).click();
  await expect(client.getByText('Is the wall fine')).toHaveCount(0);

  expect(said, 'warnings and errors in the other browsers').toEqual([]);
  for (const context of [supervisorContext, artistContext, clientContext]) await context.close();
});
