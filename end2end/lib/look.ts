// Looking at a screen: pictures of both sizes for people, and what a program can see of them.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';
import { output } from './place';

export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1440, height: 900 };

/** Leaves `folder/name.png` and `-phone.png`; nothing is wider than the screen, and axe finds nothing serious. Ends at the desk. */
export async function look(page: Page, folder: string, name: string): Promise<void> {
  const at = join(output, folder);
  mkdirSync(at, { recursive: true });
  for (const [size, end] of [[DESK, ''], [PHONE, '-phone']] as const) {
    await page.setViewportSize(size);
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(at, `${name}${end}.png`) });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide, `${name}${end}`).toBeLessThanOrEqual(size.width);
    const { violations } = await new AxeBuilder({ page }).analyze();
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(' | ').slice(0, 500)}`), `${name}${end}`).toEqual([]);
  }
  await page.setViewportSize(DESK);
}
