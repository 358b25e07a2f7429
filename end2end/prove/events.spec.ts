// How soon a comment is on another browser's page while many listen, and what hundreds of event streams cost the server:
// `cargo xtask prove events`, on release builds. With the tests a few listen and nothing is timed.

import { readFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { movingSquare } from '../lib/clips';
import { becomeOwner, makeProject } from '../lib/people';
import { proving } from '../lib/place';
import { count, record } from '../lib/proof';
import type { Server } from '../lib/server';
import { Studio } from '../lib/studio';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: proving ? 0 : 180_000 });

const OTHERS = proving ? 50 : 5;
const STREAMS = proving ? 500 : 20;
const MOST_MS = 300;

/** One other browser: hears what happens and, as a page does, reads the threads again. */
class Listener {
  private asked?: ClientRequest;
  /** When the last event about a thread came. */
  heardAt = 0;
  /** How often it read the threads, and what went wrong. */
  reads = 0;
  readonly failures: string[] = [];

  constructor(
    private readonly server: Server,
    private readonly studio: Studio,
    /** What it reads again; `undefined`: it only listens. */
    private readonly shot?: string,
  ) {}

  listen(): Promise<void> {
    return new Promise((done, fail) => {
      const headers = { Cookie: this.studio.cookies, Accept: 'text/event-stream' };
      const options = { host: '127.0.0.1', port: this.server.port, path: '/events', headers, agent: false };
      this.asked = request(options, (answer) => {
        if (answer.statusCode !== 200) fail(new Error(`events answered ${answer.statusCode}`));
        answer.setEncoding('utf8');
        answer.on('data', (text: string) => {
          if (!text.includes('thread')) return;
          this.heardAt = performance.now();
          if (this.shot !== undefined) this.read(this.shot);
        });
        answer.on('error', () => {});
        done();
      });
      this.asked.on('error', () => {});
      this.asked.end();
    });
  }

  private read(shot: string): void {
    const failed = (error: unknown) => this.stopped || this.failures.push(String(error));
    this.studio.call('get_threads', { shot_id: shot }).then(() => (this.reads += 1), failed);
  }

  private stopped = false;

  stop(): void {
    this.stopped = true;
    this.asked?.destroy();
  }
}

function rss(server: Server): number {
  const status = readFileSync(`/proc/${server.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** The value that `share` of the sorted ones do not exceed. */
function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]);
}

test('a comment is soon on every page', async ({ page, server }) => {
  await becomeOwner(page);
  await makeProject(page, 'Events');
  await page.getByLabel('Plates').first().setInputFiles(movingSquare(join(server.dataDir, 'square.mp4')).path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  const shot = /shots\/([0-9a-f-]+)/.exec(page.url())![1];
  await open(page, `/shots/${shot}/quadmask`);
  await page.getByRole('tab', { name: 'Comments' }).click();

  // Somebody else says something; the owner's page shows it.
  const sender = await Studio.signedIn(server.baseURL, 'owner@studio.test', 'four quiet brown horses');
  const say = (text: string) =>
    sender.call('start_thread', { shot_id: shot, version_id: null, frames: null, client_visible: false, text, drawing: null }, 'json');
  const others = Array.from({ length: OTHERS }, () => new Listener(server, sender, shot));
  await Promise.all(others.map((other) => other.listen()));
  const shown: number[] = [];
  for (let at = 0; at < count(3, 100); at += 1) {
    const text = `Comment ${at} of the measured ones`;
    const seen = page.evaluate((wanted) => {
      return new Promise<number>((done) => {
        const look = () => {
          if (document.body.textContent?.includes(wanted) !== true) return;
          watch.disconnect();
          requestAnimationFrame(() => done(Date.now()));
        };
        const watch = new MutationObserver(look);
        watch.observe(document.body, { subtree: true, childList: true, characterData: true });
        look();
      });
    }, text);
    const start = Date.now();
    await say(text);
    shown.push((await seen) - start);
    await page.waitForTimeout(100);
  }
  expect(others.flatMap((other) => other.failures)).toEqual([]);
  expect(others.every((other) => other.reads > 0), 'the others read along').toBe(true);
  others.forEach((other) => other.stop());

  // Many streams that only listen.
  const before = rss(server);
  const streams = Array.from({ length: STREAMS }, () => new Listener(server, sender));
  for (let at = 0; at < streams.length; at += 50) {
    await Promise.all(streams.slice(at, at + 50).map((stream) => stream.listen()));
  }
  const heard: number[] = [];
  for (let at = 0; at < count(2, 20); at += 1) {
    const start = performance.now();
    await say(`Heard by all, ${at}`);
    await expect(async () => expect(streams.every((stream) => stream.heardAt > start)).toBe(true)).toPass({ timeout: 10_000 });
    heard.push(...streams.map((stream) => stream.heardAt - start));
  }
  const after = rss(server);
  streams.forEach((stream) => stream.stop());

  const figures = {
    others: OTHERS,
    comments: shown.length,
    shown_ms_median: quantile(shown, 0.5),
    shown_ms_95: quantile(shown, 0.95),
    shown_ms_worst: quantile(shown, 1),
    streams: STREAMS,
    heard_ms_median: quantile(heard, 0.5),
    heard_ms_95: quantile(heard, 0.95),
    rss_bytes_before: before,
    rss_bytes_with_streams: after,
  };
  record(figures);
  if (proving) expect(figures.shown_ms_95, 'milliseconds until a comment is on another page').toBeLessThanOrEqual(MOST_MS);
});
