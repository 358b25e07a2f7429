// Size of the client, time to the first paint, memory of the idle server: `cargo xtask prove wasm`, on release builds.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { site } from '../lib/place';
import { count, record } from '../lib/proof';
import { expect, test } from '../lib/test';

test.use({ serverOptions: { worker: false } });

test('the client is small, paints soon, and the server idles low', async ({ browser, server }) => {
  const wasm = join(site, 'pkg/minus-one_bg.wasm');
  const bytes = (file: string) => (existsSync(file) ? statSync(file).size : undefined);
  const paints: number[] = [];
  for (let at = 0; at < count(1, 11); at += 1) {
    // A new context has an empty cache: this is a first visit.
    const context = await browser.newContext({ baseURL: server.baseURL });
    const page = await context.newPage();
    await page.goto('/', { waitUntil: 'load' });
    const paint = await page.waitForFunction(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    );
    paints.push((await paint.jsonValue()) as number);
    await context.close();
  }
  paints.sort((one, other) => one - other);
  const status = readFileSync(`/proc/${server.process.pid}/status`, 'utf8');
  const rss = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  const figures = {
    wasm_bytes: bytes(wasm),
    wasm_brotli_bytes: bytes(`${wasm}.br`),
    wasm_gzip_bytes: bytes(`${wasm}.gz`),
    visits: paints.length,
    first_paint_ms_median: Math.round(paints[Math.floor(paints.length / 2)]),
    first_paint_ms_worst: Math.round(paints[paints.length - 1]),
    idle_server_rss_bytes: rss,
  };
  expect(figures.wasm_brotli_bytes, 'the release build compresses the client').toBeGreaterThan(0);
  record(figures);
});
