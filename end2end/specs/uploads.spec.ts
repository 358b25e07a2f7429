// An upload through what happens to uploads: a lost connection, a reload, a killed server, the same file again; and files
// that are no plates. All of it in the browser, through the page's own client.

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CDPSession, Request } from '@playwright/test';
import { ask, sha256 } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { becomeOwner, makeProject } from '../lib/people';
import { Server } from '../lib/server';
import { expect, test } from '../lib/test';

test.describe.configure({ timeout: 240_000 });
// Servers are started and killed here; a killed one is heard of in the console.
test.use({ baseURL: 'http://localhost', expectedMessages: [/Failed to load resource|ERR_|Failed to fetch|503/] });

const PADDING = 24 << 20;

/** What a line carries, in bytes a second; 0: nothing, it is cut; -1: all there is. */
async function line(session: CDPSession, bytes: number): Promise<void> {
  const uploadThroughput = bytes === 0 ? 1 : bytes;
  await session.send('Network.emulateNetworkConditions', { offline: bytes === 0, latency: 0, downloadThroughput: -1, uploadThroughput });
}

test('an upload goes on after a lost connection, a reload and a killed server, and is said to be here the second time', async ({ browser }) => {
  const folder = mkdtempSync(join(tmpdir(), 'minus-one-uploads-'));
  const dataDir = join(folder, 'data');
  let server = await Server.start({ dataDir });
  const context = await browser.newContext({ baseURL: server.baseURL, viewport: { width: 1440, height: 900 } });
  try {
    // A movie with a box of nothing behind it: as long as a plate, as short as a test.
    const clip = movingSquare(join(folder, 'square.mp4'), 12);
    const box = Buffer.alloc(PADDING, 7);
    box.writeUInt32BE(PADDING, 0);
    box.write('free', 4, 'latin1');
    writeFileSync(clip.path, Buffer.concat([readFileSync(clip.path), box]));

    const page = await context.newPage();
    await becomeOwner(page);
    await makeProject(page, 'Uploads');
    const board = page.url();
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    await line(session, 4e6);
    const panel = page.getByRole('region', { name: 'Uploads', exact: true });
    const offsets: number[] = [];
    page.on('request', (request: Request) => {
      if (request.method() === 'PATCH') offsets.push(Number(request.headers()['upload-offset']));
    });

    await page.getByLabel('Plates').first().setInputFiles(clip.path);
    await expect.poll(() => Math.max(0, ...offsets), { timeout: 60_000 }).toBeGreaterThan(0);
    await line(session, 0);
    await expect(panel).toContainText('Connection lost', { timeout: 30_000 });
    const before = offsets.length;
    await line(session, 4e6);
    await expect.poll(() => offsets.length, { timeout: 30_000 }).toBeGreaterThan(before);
    expect(offsets[before], 'it goes on where it was').toBeGreaterThan(0);

    // The page is left in the middle; the board says so, and the same file goes on from there.
    await page.reload();
    const unfinished = page.getByRole('region', { name: 'Unfinished uploads' });
    await expect(unfinished).toContainText('square.mp4');
    await expect(unfinished).toContainText('Drop the file again to resume.');
    const reloaded = offsets.length;
    await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
    await page.getByLabel('Plates').first().setInputFiles(clip.path);
    await expect.poll(() => offsets.length, { timeout: 30_000 }).toBeGreaterThan(reloaded);
    expect(offsets[reloaded], 'and after the reload too').toBeGreaterThan(0);

    // The server dies and comes back under the same address.
    await server.kill();
    await expect(panel).toContainText('Connection lost', { timeout: 30_000 });
    server = await Server.start({ dataDir, port: server.port });
    await line(session, -1);
    await panel.getByRole('button', { name: 'Try now' }).click({ timeout: 30_000 }).catch(() => {}); // it may have tried by itself
    await expect(panel).toContainText('✓ Shot square', { timeout: 60_000 });
    await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
    const [row] = ask(dataDir, 'select plate, count(*) as n from shot');
    expect(row).toEqual({ plate: sha256(readFileSync(clip.path)), n: 1 });

    // The same bytes under another name.
    await panel.getByRole('button', { name: 'Take finished ones off the list' }).click();
    const twin = join(folder, 'copy.mp4');
    writeFileSync(twin, readFileSync(clip.path));
    await page.getByLabel('Plates').first().setInputFiles(twin);
    await expect(panel).toContainText('✓ Already in shot square', { timeout: 60_000 });

    // What is no plate says why, before it travels or when it is read.
    const [empty, text, half] = ['empty.mov', 'text.mov', 'half.mp4'].map((name) => join(folder, name));
    writeFileSync(empty, '');
    writeFileSync(text, 'Dear editor, the plate follows.\n'.repeat(40));
    const whole = movingSquare(half, 40);
    truncateSync(half, Math.floor(readFileSync(whole.path).length / 2));
    await page.getByLabel('Plates').first().setInputFiles([empty, text, half]);
    await expect(panel).toContainText('“empty.mov” is empty (0 bytes): export it again.');
    const failed = page.locator('.card[data-phase="ingest_failed"]');
    await expect(failed).toHaveCount(2, { timeout: 60_000 });
    await expect(failed.filter({ hasText: 'text' })).toContainText('not a video');
    await expect(failed.filter({ hasText: 'half' })).toContainText(/half\.mp4/);
    expect(new URL(page.url()).pathname).toBe(new URL(board).pathname);
  } finally {
    await context.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
