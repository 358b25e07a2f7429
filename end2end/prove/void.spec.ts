// VOID in the browser on a real shot, with a model of random weights through exactly the code that real ones take: what is
// missing is said, weights come, what a run will take is foretold, one run is cancelled, one loses its worker and goes on, the same
// recipe gives the same bits twice, and pass 2 refines it. `cargo xtask prove void`; the short form is specs/void.spec.ts.
// Without the real shot `pillow` beside the checkout it takes a drawn clip and says so in its figures.

import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { ask } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { clickPlate, goTo } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { output } from '../lib/place';
import { record } from '../lib/proof';
import { type At, plateIn, realShots } from '../lib/real';
import { approve } from '../lib/results';
import { expect, open, test } from '../lib/test';
import { makeTestModel, stepKept, workplaces } from '../lib/void';

const MINUTE = 60_000;
/** How long a step of the worker may take: the plate is 4K, and nobody promised a GPU. */
const WORK = 60 * MINUTE;
const PROMPT = 'A pillow on a wooden floor, smooth and at rest.';

/** Two windows over the 62 frames of the shot, on half of the trained canvas. */
const KNOBS: Record<string, string> = {
  canvas_width: '336',
  canvas_height: '192',
  window_frames: '45',
  overlap_frames: '16',
  seed: '7',
};
const STEPS = 24;

test.use({ actionTimeout: MINUTE });

type Subject = { path: string; name: string; width: number; height: number; frames: number; clicks: At[]; footage: string };

function subject(folder: string): Subject {
  const real = realShots.find((shot) => shot.name === 'pillow');
  if (real) return { ...real, path: plateIn(join(folder, 'plates'), real), footage: 'the real shot pillow, 4K' };
  console.log('skipped: the real shot `pillow` is not beside this checkout; a drawn clip takes its place');
  const clip = movingSquare(join(folder, 'square.mp4'), 62, 2);
  return { ...clip, name: 'square', clicks: [{ frame: 0, x: 124, y: 184 }], footage: 'a drawn clip: the real shot is not here' };
}

async function shoot(page: Page, name: string): Promise<void> {
  const folder = join(output, 'void');
  mkdirSync(folder, { recursive: true });
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** From a plate that is read to an approved quadmask. */
async function mark(page: Page, dataDir: string, shot: Subject): Promise<void> {
  await page.getByLabel('After removal, the scene shows').fill(PROMPT);
  await page.getByLabel('After removal, the scene shows').blur();
  let at = -1;
  for (const click of shot.clicks) {
    if (click.frame !== at) {
      await goTo(page, click.frame);
      await page.keyboard.press('x');
      at = click.frame;
    }
    await clickPlate(page, click.x, click.y, shot);
  }
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  // Answers to the clicks cover frames already: only its row says that it grew.
  const grown = () => ask(dataDir, "select state from job where kind = 'segment'")[0]?.state;
  await expect.poll(grown, { timeout: WORK }).toBe('done');
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(page.getByText(new RegExp(`covered on \\d+/${shot.frames} frames`))).toBeVisible({ timeout: WORK });
  await expect(page.getByRole('region', { name: 'Grow primary mask' })).toHaveCount(0, { timeout: WORK });
  await shoot(page, '1-quadmask');
  await page.getByRole('button', { name: /^Send quadmask v\d to review/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: /send/i }).click();
  await approve(page);
  // The plate engine's own result comes by itself.
  await expect(page.getByText('Result v1 in review').first()).toBeVisible({ timeout: WORK });
}

test('VOID removes from a real shot, is cancelled, killed, repeated and refined', async ({ page, server }) => {
  const spare = mkdtempSync(join(tmpdir(), 'minus-one-weights-'));
  const missing = makeTestModel(spare);
  if (missing !== undefined) throw new Error(`This proof needs the networks: ${missing}.`);
  const shot = subject(server.dataDir);
  await becomeOwner(page);
  await makeProject(page, 'Void');
  await page.getByLabel('Plates').first().setInputFiles(shot.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: WORK });
  await page.getByRole('link', { name: shot.name }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0', { timeout: MINUTE });
  await mark(page, server.dataDir, shot);
  await page.getByRole('link', { name: /Removal/ }).first().click();

  const engine = page.getByRole('radio', { name: /VOID/ });
  await expect(page.getByText('There are no weights of VOID')).toBeVisible();
  await expect(engine).toBeDisabled();
  await shoot(page, '2-missing');
  renameSync(spare, join(server.dataDir, 'models'));
  await expect
    .poll(async () => {
      if (await engine.isEnabled()) return true;
      // It goes as soon as the page knows.
      await page.getByRole('button', { name: 'Look again' }).click({ timeout: 1_000 }).catch(() => {});
      return false;
    }, { timeout: 2 * MINUTE, intervals: [1_000] })
    .toBe(true);
  await engine.check();
  await expect(page.getByText('Test model: random weights').first()).toBeVisible();

  const set = async (knobs: Record<string, string>) => {
    for (const [name, value] of Object.entries(knobs)) await page.locator(`input[name="${name}"]`).fill(value);
  };
  await page.locator('details.by-numbers > summary', { hasText: 'All knobs' }).click();
  await set({ ...KNOBS, 'pass1.steps': '900' });
  await page.locator('select[name="pass2.when"]').selectOption('never');
  const outlook = page.getByLabel('What will run');
  await expect(outlook).toContainText('predicted from this machine’s speed');
  await expect(outlook).toContainText('predicted from the networks’ sizes');
  const foretold = (await outlook.innerText()).split('\n');
  await shoot(page, '3-foretold');

  const jobs = () => ask(server.dataDir, "select state, attempt, step, log from job where kind = 'remove' and needs is not null order by created_at");
  const versions = () => ask(server.dataDir, 'select n, result, model_output, made_by, proof from version order by n');
  const card = page.getByRole('region', { name: 'Removal · VOID pass 1' });
  const run = page.getByRole('button', { name: 'Run VOID' });

  await run.click();
  await expect.poll(() => jobs()[0]?.step, { timeout: WORK }).toBe('denoise');
  await shoot(page, '4-running');
  const asked = Date.now();
  await card.getByRole('button', { name: 'Cancel' }).click();
  await expect.poll(() => jobs()[0].state, { timeout: WORK }).toBe('cancelled');
  const cancelled = (Date.now() - asked) / 1000;
  await expect(run).toBeEnabled();

  await set({ 'pass1.steps': String(STEPS) });
  const [{ pid }] = ask(server.dataDir, 'select pid from worker order by seen_at desc limit 1');
  const before = workplaces(server.dataDir);
  await run.click();
  await stepKept(server.dataDir, before, WORK);
  process.kill(Number(pid), 'SIGKILL');
  await shoot(page, '5-killed');
  await expect(page.getByText('Result v2 in review').first()).toBeVisible({ timeout: WORK });
  await expect.poll(() => jobs()[1]).toMatchObject({ state: 'done', attempt: 2 });
  const resumed = JSON.parse(String(versions()[1].made_by));
  expect(resumed.resumed_steps, 'steps of the killed worker').toBeGreaterThan(0);
  expect(resumed.resumed_steps).toBeLessThan(STEPS);
  expect(resumed.windows).toHaveLength(2);
  expect(String(jobs()[1].log)).toContain('Resumed: ');

  await open(page, new URL(page.url()).pathname);
  await run.click();
  await expect(page.getByText('Result v3 in review').first()).toBeVisible({ timeout: WORK });
  const [, second, third] = versions();
  expect(third.result, 'the same bits, resumed or not').toBe(second.result);
  expect(third.model_output).toBe(second.model_output);
  const whole = JSON.parse(String(third.made_by));
  await expect(outlook).toContainText('from 1 run here');
  await shoot(page, '6-measured');

  await page.getByRole('link', { name: /Review/ }).first().click();
  await page.getByRole('tab', { name: 'Result' }).click();
  await expect(page.getByText('Proof of v3')).toBeVisible({ timeout: MINUTE });
  await expect(page.getByText(/above the threshold 3: pass 2 is (switched off in the recipe|not needed)/).first()).toBeVisible();
  await goTo(page, Math.floor(shot.frames / 2));
  await shoot(page, '7-result');

  await page.getByRole('link', { name: 'Refine: pass 2' }).click();
  await page.locator('input[name="pass2.steps"]').fill('4');
  await shoot(page, '8-refine');
  await page.getByRole('button', { name: 'Run pass 2' }).click();
  await expect(page.getByText('Result v4 in review').first()).toBeVisible({ timeout: WORK });
  const refined = JSON.parse(String(versions()[3].made_by));
  expect(refined).toMatchObject({ pass: 2, is_test_model: true });
  await page.getByRole('link', { name: /Review/ }).first().click();
  await page.getByRole('tab', { name: 'Result' }).click();
  await expect(page.getByText('Proof of v4')).toBeVisible({ timeout: MINUTE });
  await goTo(page, Math.floor(shot.frames / 2));
  await shoot(page, '9-refined');

  const deltas = versions().map(({ proof }) => JSON.parse(String(proof)).max_delta_outside);
  expect(deltas).toEqual([0, 0, 0, 0]);
  const told = ({ pass, seconds, peak_rss_bytes, predicted, resumed_steps, morphing, windows, length }: Record<string, unknown>) => {
    return { pass, seconds, peak_rss_bytes, predicted, resumed_steps, morphing, windows, length };
  };
  record({
    model: 'a test model: tiny, random weights, through the code that real ones take',
    footage: shot.footage,
    size: `${shot.width}×${shot.height}`,
    frames: shot.frames,
    foretold,
    seconds_to_cancel: cancelled,
    resumed: told(resumed),
    undisturbed: told(whole),
    same_bits: true,
    refined: told(refined),
    max_delta_outside: deltas,
  });
  rmSync(spare, { recursive: true, force: true });
});
