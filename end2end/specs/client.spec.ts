// What a client's account sees: nothing until a version is shown, then that version beside the plate, and a decision that is
// recorded and moves nothing.

import { join as path } from 'node:path';
import { movingSquare } from '../lib/clips';
import { becomeOwner, inviteLink, join, makeProject } from '../lib/people';
import { resultOf } from '../lib/results';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 180_000 });

test('a client sees what is shown, compares it, and decides on record', async ({ page, browser, server }) => {
  const said: string[] = [];
  const clip = movingSquare(path(server.dataDir, 'square.mp4'));
  await becomeOwner(page);
  await makeProject(page, 'For a client');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  const link = await inviteLink(page, 'client', 'For a client');
  const [context, client] = await join(browser, link, 'Client');
  listen(client, (text) => said.push(text));

  await open(client, board);
  await expect(client.getByRole('heading', { name: 'Shots', exact: true })).toBeVisible();
  await expect(client.getByRole('link', { name: 'square' })).toHaveCount(0);

  await open(page, board);
  await resultOf(page, clip, 'square', [62, 92]);
  await page.getByRole('tab', { name: 'Result' }).click();
  await page.getByLabel('Show this version to the client').check();

  await open(client, board);
  await client.getByRole('link', { name: 'square' }).first().click();
  await expect(client.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 60_000 });
  await client.keyboard.press('w');
  await expect(client.getByLabel('Wipe: plate left, result right')).toBeVisible();
  await client.getByRole('button', { name: 'Ask for changes' }).click();
  await client.getByRole('dialog').getByLabel('What should change').fill('A rim at the right.');
  await client.getByRole('dialog').getByRole('button', { name: /ask/i }).click();
  await expect(page.getByText('A rim at the right.').first()).toBeVisible();
  await expect(page.getByText('Result v1 in review').first()).toBeVisible();

  const plate = await client.request.get(client.url().replace(/.*\/shots\/([^/]+)\/.*/, `${server.baseURL}/media/shots/$1/plate`));
  expect(plate.status(), 'the plate itself is not for clients').toBe(403);
  expect(said, 'warnings and errors in the client’s browser').toEqual([]);
  await context.close();
});
