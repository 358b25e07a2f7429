// Running a studio: a supervisor assigns a shot with a due date, and the artist sees that it needs them and finds it in the
// inbox without a reload; what was said is found from anywhere; several cards are assigned at once.

import { join as path } from 'node:path';
import type { Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { DESK, look } from '../lib/look';
import { becomeOwner, inviteLink, join, makeProject } from '../lib/people';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 360_000 });

const shoot = (page: Page, name: string) => look(page, 'studio', name);

const day = (from: number) => new Date(Date.now() + from * 86_400_000).toISOString().slice(0, 10);

test('a shot is assigned in one browser and needs somebody in another', async ({ page, browser, server }) => {
  const said: string[] = [];
  await becomeOwner(page);
  await makeProject(page, 'Studio');
  const board = new URL(page.url()).pathname;
  for (const name of ['square', 'second']) {
    const clip = movingSquare(path(server.dataDir, `${name}.mp4`), name === 'square' ? 14 : 10);
    await page.getByLabel('Plates').first().setInputFiles(clip.path);
    await expect(page.getByRole('article').filter({ hasText: name }).getByText('Ready to annotate')).toBeVisible({ timeout: 60_000 });
  }
  const links = {
    supervisor: await inviteLink(page, 'supervisor', 'Studio'),
    artist: await inviteLink(page, 'artist', 'Studio'),
    client: await inviteLink(page, 'client', 'Studio'),
  };
  const [supervisorContext, supervisor] = await join(browser, links.supervisor, 'Supervisor');
  const [artistContext, artist] = await join(browser, links.artist, 'Artist');
  const [clientContext, client] = await join(browser, links.client, 'Client');
  for (const each of [supervisor, artist, client]) {
    listen(each, (text) => said.push(text));
    await each.setViewportSize(DESK);
  }

  await open(artist, '/needs-me');
  await expect(artist.getByText('Nothing waits for you')).toBeVisible();
  await expect(artist.getByRole('link', { name: 'Inbox', exact: true })).toBeVisible();

  // The supervisor assigns it from the shot itself; the artist's page is not touched.
  await open(supervisor, board);
  await supervisor.getByRole('link', { name: 'square' }).first().click();
  await supervisor.getByRole('button', { name: /Assign…/ }).click();
  const dialog = supervisor.getByRole('dialog', { name: 'Who works on square' });
  await expect(dialog.getByLabel('Client')).toHaveCount(0);
  await dialog.getByLabel('Artist').check();
  await dialog.getByLabel('Due date').fill(day(-1));
  await dialog.getByLabel('Due date').blur();
  await expect(supervisor.locator('.work-button').getByText(/^Late: /)).toBeAttached();
  await shoot(supervisor, 'assign');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await shoot(supervisor, 'shot');

  await expect(artist.getByRole('link', { name: 'Inbox: 1 new' })).toBeVisible();
  await expect(artist.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: /Needs me/ })).toContainText('1');
  const row = artist.getByRole('listitem').filter({ hasText: 'square' });
  await expect(row).toContainText('Mark what goes.');
  await expect(row).toContainText('Late: ');
  await shoot(artist, 'needs');
  await artist.getByRole('link', { name: 'Inbox: 1 new' }).click();
  await expect(artist.getByRole('listitem')).toContainText('Supervisor assigned this shot to you');

  // Named in a comment: the entry comes while the inbox is open, and leads to the thread.
  await supervisor.keyboard.press('c');
  await supervisor.getByLabel('Comment', { exact: true }).fill('Take the zebra crossing too, @Artist please');
  await supervisor.keyboard.press('Control+Enter');
  const named = artist.getByRole('listitem').filter({ hasText: 'zebra crossing' });
  await expect(named).toContainText('Supervisor named you in a comment');
  await expect(artist.getByRole('link', { name: 'Inbox: 2 new' })).toBeVisible();
  await expect(artist.getByRole('listitem').first()).toContainText('named you');
  await shoot(artist, 'inbox');
  await named.getByRole('link').click();
  await artist.waitForURL(/\/review\?thread=/);
  await expect(artist.getByRole('article').filter({ hasText: 'zebra crossing' })).toBeVisible();
  await expect(artist.getByRole('link', { name: 'Inbox: 1 new' })).toBeVisible();
  await artist.getByRole('link', { name: 'Inbox: 1 new' }).click();
  await artist.getByRole('button', { name: 'Mark all as read' }).click();
  await expect(artist.getByRole('link', { name: 'Inbox', exact: true })).toBeVisible();
  await expect(artist.getByText('New', { exact: true })).toHaveCount(0);
  await open(artist, '/needs-me');
  await expect(artist.getByRole('listitem').filter({ hasText: 'named you' })).toBeVisible();
  await artist.getByRole('listitem').filter({ hasText: 'Mark what goes' }).getByRole('link').click();
  await artist.waitForURL(/\/targets$/);

  // Several cards at once, by keys alone.
  await open(supervisor, board);
  await supervisor.getByRole('button', { name: 'Choose shots' }).press('Enter');
  for (const name of ['square', 'second']) await supervisor.getByRole('checkbox', { name: `Choose ${name}` }).press('Space');
  const bar = supervisor.getByRole('region', { name: 'What is chosen' });
  await expect(bar).toContainText('2 shots chosen');
  await bar.getByLabel('Assign the chosen shots to').selectOption({ label: 'Supervisor' });
  await expect(supervisor.getByRole('group', { name: 'Assigned to Artist, Supervisor' })).toBeVisible();
  await expect(supervisor.getByRole('group', { name: 'Assigned to Supervisor', exact: true })).toBeVisible();
  await shoot(supervisor, 'board');
  await supervisor.getByRole('checkbox', { name: 'Choose square' }).press('Escape');
  await expect(bar).toHaveCount(0);

  // Filters are addresses.
  for (const [query, names] of [['assigned=me&sort=name', ['second', 'square']], ['due=late', ['square']], ['assigned=nobody', []]] as const) {
    await open(supervisor, `${board}?${query}`);
    await expect(supervisor.locator('.card__name')).toHaveText([...names]);
  }
  await open(supervisor, board);
  await supervisor.getByLabel('Filter by due date').click();
  await supervisor.getByRole('link', { name: 'Late' }).click();
  await supervisor.waitForURL(/due=late/);
  await expect(supervisor.locator('.card__name')).toHaveText(['square']);

  // What was said is found from anywhere, by keys alone; a client finds nothing that is not shown.
  await open(artist, '/');
  await artist.keyboard.press('Control+k');
  const field = artist.getByRole('combobox', { name: 'Search everything' });
  await field.fill('zebra');
  await expect(artist.getByRole('option')).toContainText('zebra crossing');
  await field.fill('squ');
  await expect(artist.getByRole('option').first()).toContainText('square');
  await shoot(artist, 'search');
  await field.fill('nothing like this');
  await expect(artist.getByText('Nothing found')).toBeVisible();
  await field.fill('zebra');
  await expect(artist.getByRole('option')).toContainText('zebra crossing');
  await field.press('Enter');
  await artist.waitForURL(/\/review\?thread=/);
  await open(client, '/');
  await client.keyboard.press('/');
  await client.getByRole('combobox', { name: 'Search everything' }).fill('zebra');
  await expect(client.getByText('Nothing found')).toBeVisible();
  await client.keyboard.press('Escape');
  await open(client, '/needs-me');
  await expect(client.getByText('Nothing waits for you')).toBeVisible();

  expect(said, 'warnings and errors in the other browsers').toEqual([]);
  for (const context of [supervisorContext, artistContext, clientContext]) await context.close();
});
