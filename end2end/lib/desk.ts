// Hands in the shot page: places of the plate under the mouse, and the playhead.

import { expect, type Page } from '@playwright/test';

type Size = { width: number; height: number };

/** Where a place of the plate lies in the window while the picture is fitted; `half`: of which picture, side by side. */
export async function onPlate(page: Page, x: number, y: number, plate: Size, half?: 'left' | 'right'): Promise<{ x: number; y: number }> {
  const whole = (await page.locator('.stage__picture').boundingBox())!;
  const width = half === undefined ? whole.width : whole.width / 2;
  const box = { ...whole, width, x: half === 'right' ? whole.x + width : whole.x };
  const scale = Math.min(box.width / plate.width, box.height / plate.height);
  const left = box.x + (box.width - plate.width * scale) / 2;
  const top = box.y + (box.height - plate.height * scale) / 2;
  return { x: left + x * scale, y: top + y * scale };
}

/** Clicks the picture at a place of the plate. */
export async function clickPlate(page: Page, x: number, y: number, plate: Size): Promise<void> {
  const at = await onPlate(page, x, y, plate);
  await page.mouse.click(at.x, at.y);
}

/** Drags over the picture from one place of the plate to another, row by row where `fill` says how far apart. */
export async function sweepPlate(page: Page, from: [number, number], to: [number, number], plate: Size): Promise<void> {
  // As somebody marks a field of cells: one snake over it, close enough that no cell is left out.
  const step = Math.min(plate.width, plate.height) / 40;
  const start = await onPlate(page, from[0], from[1], plate);
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  let forwards = true;
  for (let y = from[1]; y <= to[1]; y += step) {
    const [a, b] = forwards ? [from[0], to[0]] : [to[0], from[0]];
    for (let part = 0; part <= 20; part += 1) {
      const at = await onPlate(page, a + ((b - a) * part) / 20, y, plate);
      await page.mouse.move(at.x, at.y);
    }
    forwards = !forwards;
  }
  await page.mouse.up();
}

/** Types a frame index (from 0) into the frame field and waits until that frame is on the canvas. */
export async function goTo(page: Page, index: number, first = 1001): Promise<void> {
  const field = page.getByLabel('Frame: type a frame number or a timecode to go there');
  await field.fill(String(first + index));
  await field.press('Enter');
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', String(index), { timeout: 60_000 });
}

/** Mean red, green and blue of the picture around a place of the plate, the levels over it left out. */
export async function colourAt(page: Page, x: number, y: number, plate: Size, half?: 'left' | 'right'): Promise<number[]> {
  const at = await onPlate(page, x, y, plate, half);
  return page.evaluate(({ x: left, y: top }) => {
    const SIDE = 7;
    const canvas = document.querySelector<HTMLCanvasElement>('.stage__picture')!;
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    const copy = new OffscreenCanvas(SIDE, SIDE).getContext('2d', { willReadFrequently: true })!;
    const corner = (place: number) => Math.round(place * ratio - SIDE / 2);
    copy.drawImage(canvas, corner(left - box.x), corner(top - box.y), SIDE, SIDE, 0, 0, SIDE, SIDE);
    const { data } = copy.getImageData(0, 0, SIDE, SIDE);
    const mean = (channel: number) => data.reduce((sum, value, n) => (n % 4 === channel ? sum + value : sum), 0) / (SIDE * SIDE);
    return [mean(0), mean(1), mean(2)];
  }, at);
}
