// Looking closer than the proxy goes: the exact frame comes, and the probe reads its values.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { goTo } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { Server } from '../lib/server';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: 180_000 });
// Without a worker the server says so with this status.
test.use({ expectedMessages: [/status of 503/] });

const SIZE = { width: 1920, height: 1080 };

/** Lossless RGB in which every pixel says where it is and in which frame: no proxy can hold that. */
function plate(path: string): string {
  const picture = `nullsrc=s=${SIZE.width}x${SIZE.height}:r=12:d=1,format=gbrp,geq=r='mod(X*7,256)':g='mod(Y*11,256)':b='mod(N*16+X,256)'`;
  execFileSync('ffmpeg', ['-y', '-v', 'error', '-f', 'lavfi', '-i', picture, '-frames:v', '8', '-c:v', 'ffv1', '-g', '1', path]);
  return path;
}

const truth = (x: number, y: number, frame: number) => [(x * 7) % 256, (y * 11) % 256, (frame * 16 + x) % 256];

/** What the canvas holds under a place of the window. */
async function under(page: Page, x: number, y: number): Promise<number[]> {
  return page.evaluate(([left, top]) => {
    const canvas = document.querySelector<HTMLCanvasElement>('.stage__picture')!;
    const box = canvas.getBoundingClientRect();
    const copy = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })!;
    copy.drawImage(canvas, -Math.floor(left - box.x), -Math.floor(top - box.y));
    return [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  }, [x, y]);
}

test('zooming in shows the plate itself, and says so', async ({ page, server, origin }) => {
  await becomeOwner(page);
  await makeProject(page, 'Close');
  await page.getByLabel('Plates').first().setInputFiles(plate(join(server.dataDir, 'grid.mkv')));
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'grid' }).first().click();
  const picture = page.locator('.stage__picture');
  await expect(picture).toHaveAttribute('data-frame', '0');
  await expect(picture, 'fitted, the proxy is fine enough').toHaveAttribute('data-exact', 'false');

  // The probe reads the pixel in the middle while no pointer is there; the value is the plate's.
  await page.keyboard.press('v');
  const probe = page.locator('.probe');
  await expect(probe).toContainText('exact', { timeout: 60_000 });
  const said = (await probe.innerText()).replaceAll('\n', ' ');
  const [, x, y] = said.match(/(\d+), (\d+)/)!.map(Number);
  expect(said).toContain(truth(x, y, 0).join(' '));

  // The wheel zooms about the pointer: the pixel under it stays there, and those beside it are farther apart.
  const pixel = async () => (await probe.innerText()).match(/(\d+), (\d+)/)?.slice(1).map(Number) ?? [];
  const isNear = async (wanted: number[]) => {
    const now = await pixel();
    return wanted.every((value, at) => Math.abs(value - now[at]) <= 1);
  };
  const stage = (await picture.boundingBox())!;
  const held = { x: Math.round(stage.x + stage.width * 0.4), y: Math.round(stage.y + stage.height * 0.4) };
  await page.mouse.move(held.x + 100, held.y);
  await expect.poll(pixel).not.toEqual([x, y]);
  const beside = await pixel();
  await page.mouse.move(held.x, held.y);
  await expect.poll(pixel).not.toEqual(beside);
  const fitted = await pixel();
  await page.mouse.wheel(0, -1000);
  await page.mouse.move(held.x + 100, held.y);
  await expect.poll(async () => {
    const [now] = await pixel();
    return now > fitted[0] && now - fitted[0] < (beside[0] - fitted[0]) / 3;
  }, 'a hundred screen pixels are fewer of the plate').toBe(true);
  await page.mouse.move(held.x, held.y);
  await expect.poll(() => isNear(fitted)).toBe(true);

  // Space and drag: the picture goes with the pointer, and does not play.
  await page.keyboard.down('Space');
  await page.mouse.down();
  await page.mouse.move(held.x + 100, held.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.keyboard.up('Space');
  await page.mouse.move(held.x, held.y);
  await expect.poll(async () => (await pixel())[0], 'what was to the left came under the pointer').toBeLessThan(fitted[0] - 15);
  await expect.poll(async () => (await pixel())[1]).toBeLessThan(fitted[1] - 9);
  await page.mouse.move(held.x + 100, held.y + 60);
  await expect.poll(() => isNear(fitted)).toBe(true);
  await expect(picture).toHaveAttribute('data-frame', '0');
  await page.keyboard.press('f');

  // Close up, the canvas holds the very samples; stepping on brings the next frame's.
  await goTo(page, 5);
  for (let press = 0; press < 14; press += 1) await page.keyboard.press('+');
  await expect(picture).toHaveAttribute('data-exact', 'true', { timeout: 60_000 });
  await expect(page.getByText('Exact frame')).toBeVisible();
  const box = (await picture.boundingBox())!;
  // Well inside a pixel: they are sixteen wide here.
  const [mx, my] = [Math.round(box.x + box.width / 2) + 7, Math.round(box.y + box.height / 2) + 7];
  await page.mouse.move(mx, my);
  await expect.poll(async () => (await probe.innerText()).replaceAll('\n', ' ')).toMatch(/exact/);
  const close = (await probe.innerText()).replaceAll('\n', ' ');
  const [, cx, cy] = close.match(/(\d+), (\d+)/)!.map(Number);
  expect(close).toContain(truth(cx, cy, 5).join(' '));
  expect(await under(page, mx, my)).toEqual(truth(cx, cy, 5));
  await page.keyboard.press('ArrowRight');
  await expect(picture).toHaveAttribute('data-frame', '6');
  await expect.poll(() => under(page, mx, my), { timeout: 60_000 }).toEqual(truth(cx, cy, 6));

  // Without a worker the proxy stays, with the reason.
  const address = new URL(page.url()).pathname;
  await server.kill();
  const alone = await Server.start({ origin, worker: false, dataDir: server.dataDir, port: server.port });
  try {
    await open(page, address);
    await goTo(page, 2);
    for (let press = 0; press < 14; press += 1) await page.keyboard.press('+');
    await expect(page.getByText('Proxy: no worker is running that could make it')).toBeVisible({ timeout: 60_000 });
    await expect(picture).toHaveAttribute('data-exact', 'false');
  } finally {
    await alone.stop();
  }
});
