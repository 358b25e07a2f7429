// A person's way in: a lost password, the own account, the audit trail; and the same server over https.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { becomeOwner, inviteLink, join, makeProject } from '../lib/people';
import { serverBin } from '../lib/place';
import { Server } from '../lib/server';
import { expect, open, test } from '../lib/test';

// As talkative as it gets: whatever it logs, nothing of it may be a secret.
test.use({ serverOptions: { worker: false, env: { LOG: 'debug', LOG_FORMAT: 'json' } } });
test.describe.configure({ timeout: 120_000 });

const NEW = 'seven slow green boats';

test('who lost the password gets in again, and the owner sees how', async ({ page, browser, server }) => {
  await becomeOwner(page);
  await makeProject(page, 'Kitchen');
  const [artists, artist] = await join(browser, await inviteLink(page, 'artist', 'Kitchen'), 'Artist');

  await open(page, '/people');
  await page.getByRole('row', { name: /Artist/ }).getByRole('button', { name: 'Reset password' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('With this link Artist chooses a new password');
  const link = await dialog.getByLabel('Reset link').inputValue();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  const other = await browser.newContext({ baseURL: server.baseURL });
  const phone = await other.newPage();
  await phone.setViewportSize({ width: 390, height: 844 });
  await open(phone, link);
  await expect(phone.getByRole('heading', { name: 'Choose a new password' })).toBeVisible();
  await phone.getByLabel('Password').fill(NEW);
  await phone.getByRole('button', { name: 'Set the password' }).click();
  await expect(phone.getByRole('heading', { name: 'Projects' })).toBeVisible();
  await phone.screenshot({ path: test.info().outputPath('phone.png') });

  // The browser that was signed in before is out at its next step; the link does not work twice.
  await artist.reload();
  await expect(artist.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await open(artist, link);
  await expect(artist.getByRole('heading', { name: 'This link does not work' })).toBeVisible();

  await open(phone, '/profile');
  await expect(phone.getByText('reset their password')).toBeVisible();
  await expect(phone.getByRole('link', { name: 'Audit trail' })).toBeHidden();
  await phone.screenshot({ path: test.info().outputPath('profile-phone.png'), fullPage: true });

  await open(page, '/audit');
  const line = page.getByRole('row', { name: /Artist reset their password/ });
  await expect(line).toContainText(/on Linux/);
  await page.screenshot({ path: test.info().outputPath('audit.png') });
  await page.getByLabel('What').selectOption('invited');
  await expect(line).toBeHidden();
  await expect(page.getByRole('row', { name: /Owner invited somebody/ })).toContainText('as artist');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: test.info().outputPath('audit-phone.png') });
  await page.setViewportSize({ width: 1440, height: 900 });

  await open(page, '/profile');
  await page.getByLabel('What others call you').fill('Head of studio');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Name saved')).toBeVisible();
  await page.locator('summary[aria-label="Your account"]').click();
  await expect(page.getByRole('strong').filter({ hasText: 'Head of studio' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByLabel('The password you have now').fill('four quiet brown horses');
  await page.getByLabel('The new password').fill(NEW);
  await page.getByRole('button', { name: 'Change the password' }).click();
  await expect(page.getByText('Password changed')).toBeVisible();
  await expect(page.getByText('changed their password')).toBeVisible();
  await expect(page.getByLabel('The password you have now')).toHaveValue('');
  await page.screenshot({ path: test.info().outputPath('profile.png') });

  const [cookie] = await page.context().cookies();
  // Where nobody can sign in any more, whoever has the machine makes the link.
  const line2 = ['users', 'reset-link', 'owner@studio.test', '--data', server.dataDir, '--public-url', server.baseURL];
  const made = execFileSync(serverBin, line2, { encoding: 'utf8' }).trim();
  await open(phone, made);
  await expect(phone.getByText('For Head of studio')).toBeVisible();
  await artists.close();
  await other.close();

  const log = readFileSync(server.logFile, 'utf8');
  // A development build also says what the framework thinks, in lines of its own.
  const logged = log.split('\n').filter((line) => line.startsWith('{'));
  expect(logged.length).toBeGreaterThan(20);
  for (const line of logged) expect(() => JSON.parse(line), line).not.toThrow();
  const tokens = [link, made].map((address) => address.split('/').pop()!);
  for (const secret of [NEW, 'four quiet brown horses', cookie.value, ...tokens]) expect(log).not.toContain(secret);
});

test('the server speaks https with a certificate of the studio', async ({ browser }) => {
  const folder = mkdtempSync(path(tmpdir(), 'minus-one-tls-'));
  const [cert, key] = [path(folder, 'cert.pem'), path(folder, 'key.pem')];
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2'];
  execFileSync('openssl', [...made, '-subj', '/CN=localhost'], { stdio: 'ignore' });
  const server = await Server.start({ worker: false, tls: { cert, key } });
  try {
    const context = await browser.newContext({ baseURL: server.baseURL, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await becomeOwner(page);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ name: 'minus_one', secure: true, httpOnly: true });
    // Live events come through: the strip says so.
    await expect(page.getByText('Live', { exact: true })).toBeVisible();
    await makeProject(page, 'Over https');
    await expect(page.getByRole('heading', { name: 'Over https' }).or(page.getByText('Over https')).first()).toBeVisible();
    await context.close();
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
