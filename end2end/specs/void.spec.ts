// VOID in the browser, on a model of random weights: what is missing is said, then the weights come, a removal is cancelled,
// another survives the death of its worker, the same recipe gives the same bits, and pass 2 refines it.

import { mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { ask, audit } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { becomeOwner, makeProject } from '../lib/people';
import { output } from '../lib/place';
import { approved } from '../lib/results';
import { expect, open, test } from '../lib/test';
import { makeTestModel, stepKept, workplaces } from '../lib/void';

test.describe.configure({ timeout: 300_000 });

const KNOBS: Record<string, string> = {
  'pass1.steps': '6',
  seed: '7',
  window_frames: '13',
  overlap_frames: '0',
};

/** Writes knobs into the form; those that are folded are unfolded first. */
async function set(page: Page, knobs: Record<string, string>): Promise<void> {
  await page.locator('details.by-numbers > summary', { hasText: 'All knobs' }).click();
  for (const [name, value] of Object.entries(knobs)) await page.locator(`input[name="${name}"]`).fill(value);
}

test('from missing weights to a refined version', async ({ page, server }) => {
  const spare = mkdtempSync(join(tmpdir(), 'minus-one-weights-'));
  const missing = makeTestModel(spare);
  if (missing !== undefined) console.log(`skipped: ${missing}`);
  test.skip(missing !== undefined, missing);

  const shots = join(output, 'void');
  const clip = movingSquare(join(server.dataDir, 'square.mp4'), 9);
  await becomeOwner(page);
  await makeProject(page, 'Void');
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'square' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await page.getByLabel('After removal, the scene shows').fill('A wall of soft colours, nothing in front of it.');
  await page.getByLabel('After removal, the scene shows').blur();
  await approved(page, clip, [62, 92]);
  await page.getByRole('link', { name: /Removal/ }).first().click();

  // Without weights VOID is there in words only.
  const engine = page.getByRole('radio', { name: /VOID/ });
  await expect(page.getByText('There are no weights of VOID')).toBeVisible();
  await expect(engine).toBeDisabled();
  await page.screenshot({ path: join(shots, 'missing.png') });

  // They come, and are seen without a restart.
  const models = join(server.dataDir, 'models');
  renameSync(spare, models);
  await expect
    .poll(async () => {
      if (await engine.isEnabled()) return true;
      // It goes as soon as the page knows.
      await page.getByRole('button', { name: 'Look again' }).click({ timeout: 1_000 }).catch(() => {});
      return false;
    }, { timeout: 60_000, intervals: [1_000] })
    .toBe(true);
  await engine.check();
  await expect(page.getByText('Test model: random weights').first()).toBeVisible();
  await expect(page.getByText('A wall of soft colours, nothing in front of it.')).toBeVisible();

  // What is out of range is refused by the page.
  await set(page, { ...KNOBS, canvas_width: '128', canvas_height: '64' });
  await page.locator('select[name="pass2.when"]').selectOption('never');
  await page.locator('input[name="window_frames"]').fill('14');
  await expect(page.getByRole('alert')).toContainText('window_frames is 14: allowed are 5 more than a multiple of 8');
  await page.locator('input[name="window_frames"]').fill('13');
  const outlook = page.getByLabel('What will run');
  await expect(outlook).toContainText('128×64, the plate on 114×64 of it');
  await expect(outlook).toContainText('9 frames, brought to 13');
  // Nothing ran yet: time and memory follow from the networks' sizes and from what the worker told of its device.
  await expect(outlook).toContainText('predicted from this machine’s speed');
  await expect(outlook).toContainText('predicted from the networks’ sizes');
  await expect(outlook).toContainText('full: all networks at once');
  await page.screenshot({ path: join(shots, 'recipe.png') });

  const jobs = () => ask(server.dataDir, "select state, attempt, worker, step, log from job where kind = 'remove' and needs is not null order by created_at");
  const versions = () => ask(server.dataDir, 'select n, result, model_output, made_by, manifest from version order by n');
  const card = page.getByRole('region', { name: 'Removal · VOID pass 1' });

  // Cancelled while it denoises. Many steps, so that there is time for it.
  await page.locator('input[name="pass1.steps"]').fill('900');
  await page.getByRole('button', { name: 'Run VOID' }).click();
  await expect(card.getByText('Test model: random weights')).toBeVisible({ timeout: 60_000 });
  await expect.poll(() => jobs()[0]?.step, { timeout: 60_000 }).toBe('denoise');
  await page.screenshot({ path: join(shots, 'running.png') });
  await card.getByRole('button', { name: 'Cancel' }).click();
  await expect.poll(() => jobs()[0].state, { timeout: 60_000 }).toBe('cancelled');
  await expect(page.getByRole('button', { name: 'Run VOID' })).toBeEnabled();

  // Killed as soon as it has kept a step: the next worker goes on from the last one.
  await page.locator('input[name="pass1.steps"]').fill('60');
  const [{ pid }] = ask(server.dataDir, 'select pid from worker order by seen_at desc limit 1');
  const before = workplaces(server.dataDir);
  await page.getByRole('button', { name: 'Run VOID' }).click();
  await stepKept(server.dataDir, before);
  process.kill(Number(pid), 'SIGKILL');
  await expect(page.getByText('Result v2 in review').first()).toBeVisible({ timeout: 300_000 });
  await expect.poll(() => jobs()[1]).toMatchObject({ state: 'done', attempt: 2 });
  const killed = JSON.parse(String(versions()[1].made_by));
  expect(killed).toMatchObject({ pass: 1, is_test_model: true, canvas: [128, 64], length: 13, windows: [[0, 12]] });
  expect(killed.resumed_steps, 'steps of the killed worker').toBeGreaterThan(0);
  expect(String(jobs()[1].log)).toContain('Resumed: ');
  expect(killed.predicted).toMatchObject({ plan: 'full' });
  expect(killed.predicted.bytes).toBeGreaterThan(0);

  // The same recipe once more, undisturbed: the same bits. And what it took is known then.
  await open(page, new URL(page.url()).pathname);
  await page.getByRole('button', { name: 'Run VOID' }).click();
  await expect(page.getByText('Result v3 in review').first()).toBeVisible({ timeout: 300_000 });
  expect(versions()[2].result).toBe(versions()[1].result);
  expect(versions()[2].model_output).toBe(versions()[1].model_output);
  // The worker that went on had the networks loaded, and prompt, mask and plate are known from the run before.
  expect(JSON.parse(String(versions()[2].manifest)).networks.about.loaded).toEqual([]);
  await expect(outlook).toContainText('from 1 run here');

  await page.getByRole('link', { name: /Review/ }).first().click();
  await page.getByRole('tab', { name: 'Result' }).click();
  await expect(page.getByText('Test model: random weights')).toBeVisible();
  await expect(page.getByRole('button', { name: /v3.*VOID pass 1.*test model/ })).toBeVisible();
  await expect(page.getByText(/above the threshold 3: pass 2 is (switched off in the recipe|not needed)/).first()).toBeVisible();
  await page.screenshot({ path: join(shots, 'review.png') });

  // Pass 2 starts from what pass 1 kept.
  await page.getByRole('link', { name: 'Refine: pass 2' }).click();
  await expect(page.getByRole('combobox', { name: 'Pass', exact: true })).toHaveValue(/.+/);
  await page.locator('input[name="pass2.steps"]').fill('2');
  await page.screenshot({ path: join(shots, 'refine.png') });
  await page.getByRole('button', { name: 'Run pass 2' }).click();
  await expect(page.getByText('Result v4 in review').first()).toBeVisible({ timeout: 300_000 });
  const refined = versions()[3];
  expect(JSON.parse(String(refined.made_by))).toMatchObject({ pass: 2, is_test_model: true });
  const { networks } = JSON.parse(String(refined.manifest));
  expect(networks.first_pass.model_output).toBe(versions()[2].model_output);
  expect(networks).toMatchObject({ label: 'Test model: random weights', prompt: 'A wall of soft colours, nothing in front of it.' });

  // Asked for beforehand, pass 2 follows by itself.
  await page.getByRole('link', { name: /Removal/ }).first().click();
  await page.getByRole('combobox', { name: 'Pass', exact: true }).selectOption('');
  await page.locator('details.by-numbers > summary', { hasText: 'All knobs' }).click();
  await page.locator('select[name="pass2.when"]').selectOption('always');
  await page.locator('input[name="pass1.steps"]').fill('6');
  await page.getByRole('button', { name: 'Run VOID' }).click();
  await expect(page.getByText('Result v6 in review').first()).toBeVisible({ timeout: 300_000 });
  expect(JSON.parse(String(versions()[5].made_by))).toMatchObject({ pass: 2, is_test_model: true });
  expect(JSON.parse(String(versions()[4].made_by)).notes).toContain('Pass 2 follows by itself.');

  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('link', { name: /Removal/ }).first().click();
  await page.screenshot({ path: join(shots, 'phone.png'), fullPage: true });
  // One run was cancelled here and one quadmask was run several times, on purpose.
  const meant = /job is cancelled|is over and made no version|was not run exactly once/;
  const { wrong } = audit(server.dataDir, true);
  expect(wrong.filter((line) => !meant.test(line))).toEqual([]);
  expect(wrong).toHaveLength(3);
});
