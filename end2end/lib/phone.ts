// A client's phone: a small screen that is touched, in a browser of its own.

import { type Browser, type BrowserContext, expect, type Locator, type Page } from '@playwright/test';

export async function phone(browser: Browser, baseURL: string): Promise<[BrowserContext, Page]> {
  const viewport = { width: 390, height: 844 };
  const context = await browser.newContext({ baseURL, viewport, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  return [context, await context.newPage()];
}

/** One finger over the picture, through places of it. */
export async function swipe(page: Page, places: { x: number; y: number }[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', at?: { x: number; y: number }) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints: at ? [at] : [] });
  await touch('touchStart', places[0]);
  for (const place of places.slice(1)) await touch('touchMove', place);
  await touch('touchEnd');
  await session.detach();
}

/** Taps until what should come is there: on a machine with much to do, a tap may last so long that it is none. */
export async function press(button: Locator, comes: Locator): Promise<void> {
  await expect(async () => {
    if (!(await comes.isVisible())) await button.tap();
    await expect(comes).toBeVisible({ timeout: 3_000 });
  }).toPass({ timeout: 60_000 });
}
