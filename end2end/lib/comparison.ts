// Plate against result on the shot page: what the canvas shows in each way of comparing, and whether that is what it says.

import { expect, type Page } from '@playwright/test';

const [WIDTH, HEIGHT] = [192, 108];
/** A place that differs by more is another picture, and not the same one encoded again. */
const SEEN = 8;
const PAINTED = { timeout: 60_000 };

/** The stage in small: how bright each place of it is, 0–255, row by row. */
type Sight = number[];

function sight(page: Page): Promise<Sight> {
  return page.locator('.stage__picture').evaluate(
    (node, [width, height]) => {
      const own = document.createElement('canvas');
      [own.width, own.height] = [width, height];
      const context = own.getContext('2d', { willReadFrequently: true })!;
      context.drawImage(node as HTMLCanvasElement, 0, 0, width, height);
      const rgba = context.getImageData(0, 0, width, height).data;
      return Array.from({ length: width * height }, (_, at) => (rgba[at * 4] + rgba[at * 4 + 1] + rgba[at * 4 + 2]) / 3);
    },
    [WIDTH, HEIGHT] as const,
  );
}

function light(seen: Sight): number {
  return seen.reduce((sum, value) => sum + value, 0) / seen.length;
}

/** How far two sights are from each other, place by place. */
function apart(one: Sight, other: Sight): Sight {
  return one.map((value, at) => Math.abs(value - other[at]));
}

function most(seen: Sight): number {
  return seen.reduce((largest, value) => Math.max(largest, value), 0);
}

/** The left and the right half of a sight. */
function halves(seen: Sight): [Sight, Sight] {
  const isLeft = (_: number, at: number) => at % WIDTH < WIDTH / 2;
  return [seen.filter(isLeft), seen.filter((value, at) => !isLeft(value, at))];
}

/** From the result alone: flips on one key, side by side, the difference and its gain. Ends on the result alone. */
export async function compare(page: Page, version: string, picture: (name: string) => Promise<void>): Promise<void> {
  const start = page.locator('.stage__label[data-side="start"]');
  const end = page.locator('.stage__label[data-side="end"]');
  const differs = (from: Sight, what: string) => expect.poll(async () => most(apart(await sight(page), from)), { ...PAINTED, message: what }).toBeGreaterThan(SEEN);

  await expect(end).toContainText(`Result ${version}`);
  const result = await sight(page);
  await page.keyboard.press('`');
  await expect(start).toHaveText('Plate');
  await differs(result, 'the plate is another picture than the result');
  const plate = await sight(page);
  await page.keyboard.press('`');
  await expect(end).toContainText(`Result ${version}`);
  await expect.poll(async () => light(apart(await sight(page), result)), { ...PAINTED, message: 'the result again' }).toBeLessThan(1);

  await page.keyboard.press('s');
  await expect(start).toHaveText('Plate');
  await expect(end).toContainText(`Result ${version}`);
  await differs(result, 'side by side, each is smaller');
  const [left, right] = halves(await sight(page));
  expect(most(apart(left, right)), 'the plate is on one side, the result on the other').toBeGreaterThan(SEEN);
  for (const half of [left, right]) expect(light(half), 'either side is painted').toBeGreaterThan(light(plate) / 8);
  await picture('side');

  await page.keyboard.press('Shift+D');
  await expect(start).toHaveText('Difference ×4');
  const gain = page.getByLabel('Difference gain');
  await gain.fill('0');
  await expect(start).toHaveText('Difference ×1');
  // What is left of two pictures that are subtracted, and a little of what their encodings do.
  const due = light(apart(plate, result));
  const off = async () => light(await sight(page)) - due;
  await expect.poll(async () => Math.abs((await off()) - 2), { ...PAINTED, message: 'the difference of plate and result' }).toBeLessThan(4);
  const plain = light(await sight(page));
  await gain.fill('6');
  await expect(start).toHaveText('Difference ×64');
  await expect.poll(async () => light(await sight(page)), { ...PAINTED, message: 'gain makes it brighter' }).toBeGreaterThan(plain * 1.5);
  await picture('difference');
  await gain.blur();
  await page.keyboard.press('`');
  await expect(end).toContainText(`Result ${version}`);
}
