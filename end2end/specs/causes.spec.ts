// Causes by hand: what changes when the target goes, why, what becomes of it, where and when; drawn as a graph; and what remains.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo } from '../lib/desk';
import { becomeOwner, makeProject, signInOwner } from '../lib/people';
import { output } from '../lib/place';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: 180_000, mode: 'serial' });
// Asking for changes without a note is refused.
test.use({ expectedMessages: [/status of 422/] });

test('causes are added, edited, given cells and a path, and stand in a graph', async ({ page, server }) => {
  const pictures = join(output, 'causes');
  mkdirSync(pictures, { recursive: true });
  const clip = movingSquare(join(server.dataDir, 'square.mp4'));
  await becomeOwner(page);
  await makeProject(page, 'Causes');
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.keyboard.press('x');
  await clickPlate(page, 62, 92, clip);
  await expect(page.getByLabel('Target name')).toHaveCount(1);
  await page.getByRole('link', { name: /Quadmask/ }).first().click();

  const cards = page.locator('.cause[data-kind="cause"]');
  const add = async (name: string) => {
    const card = cards.nth(await cards.count());
    await page.getByLabel('What else changes').fill(name);
    await page.getByRole('button', { name: 'Add cause' }).click();
    await expect(card.getByLabel('What changes')).toHaveValue(name);
    return card;
  };
  const graph = page.getByRole('group', { name: 'Graph of the causes' });
  await expect(graph).toHaveCount(0);

  // A shadow: it goes with the target; where and when by numbers.
  const shadow = await add('Shadow');
  await expect(graph.getByRole('button', { name: /Shadow/ })).toContainText('visual effect · vanish · no cells');
  await shadow.getByLabel('Why it changes').fill('Cast on the wall.');
  await shadow.getByLabel('Why it changes').blur();
  await shadow.getByText('Cells by numbers').click();
  await shadow.getByLabel('rows').fill('6-7');
  await shadow.getByLabel('columns').fill('3');
  await shadow.getByRole('button', { name: 'Mark', exact: true }).click();
  await expect(shadow.getByRole('button', { name: '2 cells · edit' })).toBeVisible();
  await expect(graph.getByRole('button', { name: /Shadow/ })).toContainText(/visual effect · vanish · f10\d\d/);
  await expect(shadow).toContainText('visual effect');

  // A ball: it moves on its own, which only VOID can do until its path is drawn.
  const ball = await add('Ball');
  await ball.getByLabel('What becomes of it').selectOption('react');
  await expect(ball).toContainText(/VOID only|No engine here can do it yet/);
  await ball.getByRole('button', { name: 'Draw its path' }).click();
  await clickPlate(page, 200, 60, clip);
  await expect(ball.getByRole('button', { name: 'Path: 1 stop · go on' })).toBeVisible();
  await goTo(page, 10);
  await clickPlate(page, 240, 150, clip);
  await expect(ball.getByRole('button', { name: 'Path: 2 stops · edit' })).toBeVisible();
  await expect(ball).toContainText('Plate engine: moves along its path');
  await expect(graph.getByRole('button', { name: /Ball/ })).toContainText('physical · react · no cells');
  const path = () => JSON.parse(String(ask(server.dataDir, "select path from cause where name = 'Ball'")[0].path)) as { frame: number; x: number }[];
  await expect.poll(() => path().map((stop) => stop.frame)).toEqual([0, 10]);
  expect(Math.abs(path()[1].x - 240)).toBeLessThan(3);

  // The graph leads to a cause and to where it is.
  await graph.getByRole('button', { name: /Shadow/ }).click();
  await expect(shadow).toHaveAttribute('aria-current', 'true');
  await expect(graph.getByRole('button', { name: /Shadow/ })).toHaveAttribute('aria-current', 'true');
  await graph.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(pictures, 'graph-1440.png') });

  // What remains is proposed from the causes, taken over and written on.
  await expect(page.getByText('Proposed by the causes: “The Ball moves on its own.”')).toBeVisible();
  await page.getByRole('button', { name: 'Use this description' }).click();
  const after = page.getByLabel('After removal, the scene shows');
  await expect(after).toHaveValue('The Ball moves on its own.');
  await after.fill('The ball rolls along an empty wall.');
  await after.blur();
  await expect.poll(() => ask(server.dataDir, 'select after from words')[0]?.after).toBe('The ball rolls along an empty wall.');

  // All of it is there after a reload, and on a phone.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  await expect(graph.getByRole('button')).toHaveCount(2);
  await expect(page.getByLabel('After removal, the scene shows')).toHaveValue('The ball rolls along an empty wall.');
  await graph.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(pictures, 'graph-390.png') });

  // A deleted cause leaves the graph.
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole('button', { name: 'Delete Ball' }).click();
  await expect(graph.getByRole('button')).toHaveCount(1);
});

test('causes are approved first where the project asks for it', async ({ page, server }) => {
  const clip = movingSquare(join(server.dataDir, 'other.mp4'), 9);
  await signInOwner(page);
  await makeProject(page, 'First');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await open(page, `${board}/settings`);
  await page.getByLabel('Causes are approved before the quadmask').check();
  await expect(page.getByText('Settings saved')).toBeVisible();
  await open(page, board);
  await page.getByRole('link', { name: 'other' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await page.getByLabel('What else changes').fill('Shadow');
  await page.getByRole('button', { name: 'Add cause' }).click();
  // What is decided about is the list as it is seen from this moment on.
  await expect(page.getByLabel('What changes')).toHaveValue('Shadow');
  const approval = page.getByRole('region', { name: 'Approval of the causes' });
  await expect(approval).toContainText('0 of 1');
  await approval.getByRole('button', { name: 'Ask for changes of the causes' }).click();
  await expect(page.getByText('Say in the note what should change.')).toBeVisible();
  await approval.getByRole('button', { name: 'Approve causes' }).click();
  await expect(approval).toContainText('✓ 1 of 1');
  await expect(approval.getByRole('button', { name: 'Approve causes' })).toHaveCount(0);

  // Another reason is another thing to approve.
  await page.getByLabel('Why it changes').fill('Cast on the wall.');
  await page.getByLabel('Why it changes').blur();
  await expect(approval).toContainText('0 of 1');
  await expect(approval).toContainText('1 about causes as they were before.');
});
