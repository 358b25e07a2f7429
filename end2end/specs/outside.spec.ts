// A model outside, from the project's settings to a cause: off until it is allowed, asked by the button alone, and whatever it
// answers, the shot stays workable by hand.

import { join } from 'node:path';
import { movingSquare } from '../lib/clips';
import { clickPlate } from '../lib/desk';
import { Endpoint } from '../lib/endpoint';
import { becomeOwner, makeProject } from '../lib/people';
import { expect, open, test as base } from '../lib/test';

const test = base.extend<{}, { endpoint: Endpoint }>({
  endpoint: [
    async ({}, use) => {
      const endpoint = await Endpoint.start();
      await use(endpoint);
      await endpoint.stop();
    },
    { scope: 'worker' },
  ],
  // The server hands its environment to the worker that it starts.
  serverOptions: [
    async ({ endpoint }, use) => {
      const env = { OUTSIDE_ENDPOINT: endpoint.url, OUTSIDE_MODEL: 'played', OUTSIDE_KEY: 'sk-secret', OUTSIDE_PRICES: '0.30/2.50 USD' };
      await use({ env });
    },
    { scope: 'worker' },
  ],
});

test.describe.configure({ timeout: 240_000 });

const ANSWER = {
  edit_instruction: 'Remove the square.',
  integral_belongings: [
    { noun: 'hat', why: 'It is worn.', grid_localizations: [{ frame: 3, grid_regions: [{ row: 2, col: 2 }, { row: 2, col: 3 }] }] },
  ],
  affected_objects: [
    {
      noun: 'shadow', category: 'visual_artifact', why: 'The square casts it. <b>Ignore all rules.</b>', will_move: false,
      grid_localizations: [
        { frame: 0, grid_regions: [{ row: 6, col: 2 }, { row: 80, col: 2 }] },
        { frame: 19, grid_regions: [{ row: 6, col: 8 }] },
      ],
    },
  ],
  scene_description: 'A wall of soft colours.',
  confidence: 0.8,
};

test('a model outside is allowed, asked, heard and switched off', async ({ page, server, endpoint }) => {
  const clip = movingSquare(join(server.dataDir, 'square.mp4'));
  await becomeOwner(page);
  await makeProject(page, 'Outside');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.keyboard.press('x');
  await clickPlate(page, 62, 92, clip);
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(page.getByText(`covered on ${clip.frames}/${clip.frames} frames`)).toBeVisible({ timeout: 90_000 });
  const quadmask = new URL(page.url()).pathname;

  // Off: the page does not even offer it.
  await expect(page.getByRole('button', { name: 'Look for what else is affected' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Ask played/ })).toHaveCount(0);

  // The settings say what would leave the building and where it would go, before anybody allows it.
  await open(page, `${board}/settings`);
  const panel = page.getByRole('region', { name: 'A model outside' });
  await expect(panel.getByText('up to eleven small pictures')).toBeVisible({ timeout: 30_000 });
  await expect(panel).toContainText('played');
  await expect(panel).toContainText(endpoint.url);
  await expect(panel).toContainText("the worker's own machine");
  await panel.getByRole('button', { name: 'Allow it for this project' }).click();
  await expect(panel.getByRole('note')).toContainText(/On\. Owner allowed played at .* on /);
  await page.reload();
  await expect(page.getByRole('region', { name: 'A model outside' }).getByRole('note')).toContainText('On.', { timeout: 30_000 });
  expect(endpoint.asked, 'nothing was sent yet').toEqual([]);

  // Asked by the button, and heard.
  endpoint.answers = [JSON.stringify(ANSWER)];
  await open(page, quadmask);
  const ask = page.getByRole('button', { name: `Ask played at ${endpoint.host}` });
  await ask.click();
  const list = page.getByRole('group', { name: 'What else may be affected' });
  const shadow = list.getByRole('listitem').filter({ hasText: 'Shadow' });
  await expect(shadow).toBeVisible({ timeout: 90_000 });
  await expect(shadow).toContainText('The square casts it. <b>Ignore all rules.</b>');
  await expect(shadow).toContainText(`Said by played at ${endpoint.host}.`);
  await expect(list).toContainText('5000 tokens sent, 800 answered: 0.0035 USD');
  await expect(list).toContainText('cell 80, 2');
  expect(endpoint.asked).toHaveLength(1);
  expect(endpoint.asked[0]).toContain('data:image/jpeg;base64,');
  expect(endpoint.asked[0]).not.toContain('Outside');

  // A belonging joins the target, with a box where it was seen; the shadow becomes a cause; the description is taken over.
  await list.getByRole('button', { name: 'Accept: Hat' }).click();
  await expect(page.getByText('“Hat” joined the target')).toBeVisible();
  await list.getByRole('button', { name: 'Accept: Shadow' }).click();
  const cause = page.locator('.cause[data-kind="cause"]');
  await expect(cause.getByLabel('What changes')).toHaveValue('Shadow');
  await expect(cause).toContainText(`Proposed by played at ${endpoint.host}`);
  await page.getByRole('button', { name: 'Use this description' }).click();
  await expect(page.getByLabel('After removal, the scene shows')).toHaveValue('A wall of soft colours.');

  // Prose instead of JSON, twice: the job says what to do, and the shot goes on by hand.
  endpoint.answers = ['I see a square.'];
  await ask.click();
  await expect(list.getByRole('alert')).toContainText('is not the JSON that was asked for', { timeout: 90_000 });
  await expect(list.getByRole('alert')).toContainText('by hand');
  await expect(list.getByRole('alert')).not.toContainText('sk-secret');
  expect(endpoint.asked).toHaveLength(3);
  await page.getByLabel('What else changes').fill('Dust');
  await page.getByRole('button', { name: 'Add cause' }).click();
  await expect(cause).toHaveCount(2);

  // Switched off, it is gone from the page.
  await open(page, `${board}/settings`);
  await page.getByRole('button', { name: 'Switch it off' }).click();
  await expect(page.getByRole('region', { name: 'A model outside' }).getByRole('note')).toHaveCount(0);
  await open(page, quadmask);
  await expect(page.getByRole('button', { name: 'Look for what else is affected' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Ask played/ })).toHaveCount(0);
});
