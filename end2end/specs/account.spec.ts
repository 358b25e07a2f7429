// A person's way in: a lost password, the own account, the audit trail; the same server over https, by itself and behind a
// proxy; and the secrets of all of them, which no log may hold.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import type { Browser, BrowserContext, Page } from '@playwright/test';
import { movingSquare } from '../lib/clips';
import { becomeOwner, inviteLink, join, makeProject, PASSWORD, signInOwner } from '../lib/people';
import { serverBin } from '../lib/place';
import { Proxy, type Tls } from '../lib/proxy';
import { firstResult } from '../lib/results';
import { Server } from '../lib/server';
import { Refused, Studio } from '../lib/studio';
import { expect, listen, open, test } from '../lib/test';

// As talkative as it gets: whatever it logs, nothing of it may be a secret.
const LOUD = { LOG: 'debug', LOG_FORMAT: 'json' };
test.use({ serverOptions: { worker: false, env: LOUD } });
test.describe.configure({ timeout: 180_000 });

const NEW = 'seven slow green boats';
const DESK = { width: 1440, height: 900 };

/** Every line that a server logged, more than `least` of them, is JSON and holds none of the secrets. */
function keepsQuiet(server: Server, secrets: readonly string[], least = 20): void {
  // A development build also says what the framework thinks, in lines of its own.
  const lines = readFileSync(server.logFile, 'utf8').split('\n');
  const logged = lines.filter((line) => line.startsWith('{'));
  expect(logged.length).toBeGreaterThan(least);
  for (const line of logged) expect(() => JSON.parse(line), line).not.toThrow();
  for (const secret of secrets) {
    expect(secret.length, 'long enough to be found by itself').toBeGreaterThan(8);
    expect(lines.filter((line) => line.includes(secret)), `lines with “${secret}”`).toEqual([]);
  }
}

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

  const tokens = [link, made].map((address) => address.split('/').pop()!);
  keepsQuiet(server, [NEW, PASSWORD, cookie.value, ...tokens]);
});

/** A certificate of the studio's own for `localhost`, in the folder. */
function certificate(folder: string): Tls {
  const [cert, key] = [path(folder, 'cert.pem'), path(folder, 'key.pem')];
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2'];
  execFileSync('openssl', [...made, '-subj', '/CN=localhost'], { stdio: 'ignore' });
  return { cert, key };
}

/** Over https the owner sets the studio up, signs in elsewhere, hears what happens, brings a plate and sees it. */
async function worksOverHttps(browser: Browser, baseURL: string, folder: string): Promise<[BrowserContext, Page]> {
  const said: string[] = [];
  const enter = async (): Promise<[BrowserContext, Page]> => {
    const context = await browser.newContext({ baseURL, ignoreHTTPSErrors: true, viewport: DESK });
    const page = await context.newPage();
    listen(page, (text) => said.push(text));
    return [context, page];
  };
  const [first, owner] = await enter();
  await becomeOwner(owner);
  await first.close();

  const [context, page] = await enter();
  await signInOwner(page);
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ name: 'minus_one', secure: true, httpOnly: true, sameSite: 'Lax' });
  // Live events come through: the strip says so.
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
  await makeProject(page, 'Over https');
  await expect(page.getByRole('heading', { name: 'Over https' }).or(page.getByText('Over https')).first()).toBeVisible();
  await page.getByLabel('Plates').first().setInputFiles(movingSquare(path(folder, 'square.mp4')).path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture[data-frame="0"]')).toBeVisible({ timeout: 60_000 });
  expect(said, 'warnings and errors in the browsers').toEqual([]);
  return [context, page];
}

test('the server speaks https with a certificate of the studio', async ({ browser }) => {
  const folder = mkdtempSync(path(tmpdir(), 'minus-one-tls-'));
  const server = await Server.start({ tls: certificate(folder) });
  try {
    const [context] = await worksOverHttps(browser, server.baseURL, folder);
    await context.close();
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('behind a proxy that speaks https all of it works, links begin with its address, and who came through is on record', async ({ browser }) => {
  const FROM = '192.0.2.7';
  const folder = mkdtempSync(path(tmpdir(), 'minus-one-proxy-'));
  const proxy = await Proxy.start(certificate(folder), FROM);
  try {
    const server = await Server.start({ publicUrl: proxy.baseURL, args: ['--behind-proxy'] });
    proxy.forwardTo(server.port);
    try {
      const [context, page] = await worksOverHttps(browser, proxy.baseURL, folder);
      const link = await inviteLink(page, 'artist', 'Over https');
      expect(link.startsWith(`${proxy.baseURL}/invite/`), link).toBe(true);
      await open(page, '/audit');
      await expect(page.getByRole('row', { name: /Owner signed in/ }).first()).toContainText(FROM);
      // The proxy is on this machine, those who come through it are not.
      expect((await context.request.get('/metrics')).status()).toBe(403);
      await context.close();
    } finally {
      await server.stop();
    }
  } finally {
    await proxy.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('nothing that opens a link or the metrics is in the log', async ({ browser }) => {
  const [SECRET, WRONG, METRICS] = ['seven grey stones', 'seven grey stains', 'four-words-for-the-metrics'];
  const secrets = [SECRET, WRONG, METRICS, PASSWORD];
  const server = await Server.start({ env: { ...LOUD, METRICS_TOKEN: METRICS } });
  try {
    const team = await browser.newContext({ baseURL: server.baseURL, viewport: DESK });
    const page = await team.newPage();
    await becomeOwner(page);
    await makeProject(page, 'For a client');
    await firstResult(page, movingSquare(path(server.dataDir, 'square.mp4'), 14), 'square', [62, 92]);
    await page.getByRole('button', { name: 'Share…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Share with the client' });
    await dialog.getByLabel('Password (optional)').fill(SECRET);
    await dialog.getByRole('button', { name: 'Make the link' }).click();
    const address = await dialog.getByLabel('Address of the link').inputValue();
    secrets.push(address.split('/').pop()!);

    const outside = await browser.newContext({ baseURL: server.baseURL });
    const client = await outside.newPage();
    await open(client, new URL(address).pathname);
    await client.getByLabel('Password').fill(WRONG);
    await client.getByRole('button', { name: 'Open' }).click();
    await expect(client.getByRole('alert')).toContainText('not the link’s password');
    await client.getByLabel('Password').fill(SECRET);
    await client.getByRole('button', { name: 'Open' }).click();
    await expect(client.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: 60_000 });
    for (const context of [team, outside]) secrets.push(...(await context.cookies()).map((cookie) => cookie.value));
    await client.close();

    for (const [said, status] of [[METRICS, 200], [`${METRICS}!`, 403]] as const) {
      const answer = await page.request.get('/metrics', { headers: { Authorization: `Bearer ${said}` } });
      expect(answer.status()).toBe(status);
    }
    await team.close();
    await outside.close();
  } finally {
    await server.stop();
  }
  keepsQuiet(server, secrets);
});

const keys = { AWS_ACCESS_KEY_ID: 'access-key-of-no-studio', AWS_SECRET_ACCESS_KEY: 'secret-key-of-no-studio' };
// The client of S3 names the key that it signs with where somebody asks for more than a studio logs: it is not listened to.
for (const LOG of ['info', 'debug']) {
  test(`the keys of a bucket that refuses them are not in the log, at ${LOG}`, async () => {
    const signed: string[] = [];
    // As S3 does, it says whose key it does not know.
    const words = `<AWSAccessKeyId>${keys.AWS_ACCESS_KEY_ID}</AWSAccessKeyId>`;
    const refusal = `<?xml version="1.0"?><Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message>${words}</Error>`;
    const bucket = createServer((asked, answer) => {
      signed.push(asked.headers.authorization ?? '');
      asked.resume().on('end', () => answer.writeHead(403, { 'Content-Type': 'application/xml' }).end(refusal));
    });
    await new Promise<void>((done) => bucket.listen(0, '127.0.0.1', done));
    const { port } = bucket.address() as AddressInfo;
    const url = `s3://plates/studio?endpoint=http://127.0.0.1:${port}&region=us-east-1&path_style=true`;
    const server = await Server.start({ worker: false, env: { LOG, LOG_FORMAT: 'json', ...keys, STORAGE_URL: url } });
    try {
      const studio = await Studio.withOwner(server.baseURL, 'owner@studio.test', PASSWORD);
      const project = await studio.call<string>('create_project', { name: 'In a bucket' });
      const bytes = readFileSync(movingSquare(path(server.dataDir, 'square.mp4'), 4).path);
      const at = await studio.beginUpload(project, 'square.mp4', bytes.length);
      const refused = await studio.sendRest(at, bytes, 0, bytes.length, 0).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(Refused);
      const ready = await (await fetch(`${server.baseURL}/readyz`)).text();
      expect(ready).toContain('"ready":false');
      expect(signed.filter((line) => line.includes(keys.AWS_ACCESS_KEY_ID)).length, 'it was asked with the keys').toBeGreaterThan(0);
      for (const secret of Object.values(keys)) expect(`${refused} ${ready}`).not.toContain(secret);
    } finally {
      await server.stop();
      bucket.closeAllConnections();
      bucket.close();
    }
    expect(readFileSync(server.logFile, 'utf8')).toContain('The bucket cannot be used');
    keepsQuiet(server, Object.values(keys), 2);
  });
}
