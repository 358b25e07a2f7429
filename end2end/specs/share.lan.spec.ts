// A link: made with a password, looked at as the client will, opened on a phone by somebody without an account, who compares,
// draws, comments, asks for changes and approves; what was opened is on record; withdrawn, it shows nothing any more.

import { mkdirSync } from 'node:fs';
import { join as path } from 'node:path';
import type { Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { onPlate } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { phone, press, swipe } from '../lib/phone';
import { output } from '../lib/place';
import { firstResult } from '../lib/results';
import { expect, listen, open, test } from '../lib/test';

test.describe.configure({ timeout: 300_000 });
// A password that is too short is refused on purpose.
test.use({ expectedMessages: [/status of 422/] });

const SECRET = 'seven grey stones';

async function shoot(page: Page, origin: string, name: string): Promise<void> {
  const folder = path(output, 'share');
  mkdirSync(folder, { recursive: true });
  await page.waitForTimeout(400);
  await page.screenshot({ path: path(folder, `${name}-${origin}.png`) });
}

const card = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text });

test('a client reviews on a phone through a link, without an account', async ({ page, browser, server, origin }) => {
  const said: string[] = [];
  const clip = movingSquare(path(server.dataDir, 'square.mp4'), 14);
  await becomeOwner(page);
  await makeProject(page, 'For a client');
  await firstResult(page, clip, 'square', [62, 92]);
  await page.getByRole('textbox', { name: 'Comment', exact: true }).fill('Only among us: the grain is off.');
  await page.keyboard.press('Control+Enter');
  await expect(card(page, 'the grain is off')).toBeVisible();

  // The link: bad passwords are refused in words, then it is made.
  await page.getByRole('button', { name: 'Share…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Share with the client' });
  await expect(dialog.getByText('1 chosen')).toBeVisible();
  const reach = origin === 'localhost' ? /Only this machine can open links/ : /^Everybody in your network who has the link and reaches studio\.test can open it\.$/;
  await expect(dialog.getByRole('note')).toHaveText(reach);
  await dialog.getByLabel('Password (optional)').fill('short');
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  await expect(dialog.getByRole('alert')).toContainText('6 to 256 characters');
  await dialog.getByLabel('Password (optional)').fill(SECRET);
  await dialog.getByLabel('Name, which the client reads').fill('Square, first look');
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  const address = await dialog.getByLabel('Address of the link').inputValue();
  expect(address.startsWith(`${server.baseURL}/share/`), address).toBe(true);
  await shoot(page, origin, 'dialog');
  await dialog.getByRole('tab', { name: /Links/ }).click();
  await expect(dialog.getByText('Not opened yet.')).toBeVisible();

  // Looked at as the client will: the same page, read-only, not counted.
  const popup = page.waitForEvent('popup');
  await dialog.getByRole('link', { name: 'Preview as client' }).click();
  const preview = await popup;
  listen(preview, (text) => said.push(text));
  await expect(preview.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 60_000 });
  await expect(preview.getByText('Preview', { exact: true })).toBeVisible();
  await preview.getByRole('button', { name: 'Approve v1' }).click();
  await preview.getByRole('dialog').getByRole('button', { name: /approve/i }).click();
  await expect(preview.getByText('This is a preview')).toBeVisible();
  await shoot(preview, origin, 'preview');
  await preview.close();
  await expect(dialog.getByText('Not opened yet.')).toBeVisible();

  // The phone: the password, then the picture; nothing of the team.
  const [context, client] = await phone(browser, server.baseURL);
  listen(client, (text) => said.push(text));
  client.on('dialog', (box) => said.push(`a script ran: ${box.message()}`));
  await open(client, new URL(address).pathname);
  await client.getByLabel('Password').fill('a wrong one');
  await client.getByRole('button', { name: 'Open' }).tap();
  await expect(client.getByRole('alert')).toContainText('not the link’s password');
  await client.getByLabel('Password').fill(SECRET);
  await client.getByRole('button', { name: 'Open' }).tap();
  await expect(client.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 60_000 });
  await expect(client.getByText('the grain is off')).toHaveCount(0);
  expect(await client.evaluate(() => window.isSecureContext)).toBe(origin === 'localhost');
  expect(await client.evaluate(() => document.documentElement.scrollWidth), 'no sideways scrolling').toBeLessThanOrEqual(390);
  await expect(client.getByRole('region', { name: 'What you can do here' })).toBeVisible();
  await shoot(client, origin, 'phone');
  await client.getByRole('button', { name: 'Got it' }).tap();

  // The wipe under the finger.
  const wipe = client.getByRole('slider', { name: 'Wipe: plate left, result right' });
  const before = await wipe.getAttribute('aria-valuenow');
  await client.evaluate(() => window.scrollTo(0, 0));
  const middle = await onPlate(client, 160, 90, clip);
  const right = await onPlate(client, 260, 90, clip);
  await swipe(client, [middle, { x: (middle.x + right.x) / 2, y: middle.y }, right]);
  await expect(wipe).not.toHaveAttribute('aria-valuenow', before!);

  // A drawing and a comment; the name is asked for once, and nothing of what was made is lost over it.
  await client.getByRole('textbox', { name: 'Comment', exact: true }).tap();
  await client.getByRole('textbox', { name: 'Comment', exact: true }).fill('A rim is left here.');
  await client.getByRole('button', { name: 'Draw', exact: true }).tap();
  await client.evaluate(() => window.scrollTo(0, 0));
  const [from, to] = [await onPlate(client, 60, 60, clip), await onPlate(client, 130, 120, clip)];
  await swipe(client, [from, { x: to.x, y: from.y }, to, { x: from.x, y: to.y }]);
  await expect(client.locator('.ink__line')).toHaveCount(1);
  const name = client.getByRole('dialog', { name: 'Who is speaking?' });
  await press(client.getByRole('button', { name: 'Comment', exact: true }), name.getByLabel('Your name'));
  await name.getByLabel('Your name').fill('<b>Client</b>');
  await press(name.getByRole('button', { name: 'Go on' }), card(client, 'A rim is left here.'));
  await expect(card(client, 'A rim is left here.')).toContainText('with a drawing');
  await shoot(client, origin, 'phone-comment');

  // It is at the team's, as a guest's; the answer is at the phone without a reload.
  await page.keyboard.press('Escape');
  await expect(card(page, 'A rim is left here.')).toContainText('<b>Client</b>');
  await expect(card(page, 'A rim is left here.').getByText('guest', { exact: true })).toBeVisible();
  await card(page, 'A rim is left here.').click();
  await page.getByRole('textbox', { name: 'Answer' }).fill('It goes with the next version.');
  await page.getByRole('button', { name: 'Answer', exact: true }).click();
  await expect(card(client, 'It goes with the next version.')).toBeVisible();

  // Changes, then approval: on record, and the shot stays where it is.
  const question = client.getByRole('dialog').getByLabel('What should change');
  await press(client.getByRole('button', { name: 'Ask for changes' }), question);
  await question.fill('Take the rim away.');
  await press(client.getByRole('dialog').getByRole('button', { name: 'Ask for changes' }), card(page, 'Take the rim away.'));
  const yes = client.getByRole('dialog').getByRole('button', { name: 'Approve result v1' });
  await press(client.getByRole('button', { name: 'Approve v1' }), yes);
  await press(yes, page.getByRole('article', { name: /<b>Client<\/b> approved result v1/ }));
  await expect(page.getByRole('article', { name: /<b>Client<\/b> approved result v1/ })).toBeVisible();
  await expect(page.getByText('Result v1 in review').first()).toBeVisible();
  await shoot(page, origin, 'team');

  // Who opened what; then it is withdrawn while the client looks.
  await page.getByRole('button', { name: 'Share…' }).click();
  await dialog.getByRole('tab', { name: /Links/ }).click();
  await expect(dialog.getByRole('list', { name: 'Opened' })).toContainText('<b>Client</b> opened square v1');
  await shoot(page, origin, 'links');
  await dialog.getByRole('button', { name: 'Withdraw…' }).click();
  await dialog.getByRole('button', { name: 'Withdraw for good' }).click();
  await expect(dialog.getByText('revoked')).toBeVisible();
  await expect(client.getByRole('heading', { name: 'This link is closed' })).toBeVisible();
  await shoot(client, origin, 'phone-closed');
  expect(said.filter((text) => !/401|410|Gone|Unauthorized|422/.test(text)), 'warnings and errors in the client’s browsers').toEqual([]);
  await context.close();
});
