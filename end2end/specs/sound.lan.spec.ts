// The shot's sound in step with its pictures, on every origin: what comes out of the mixer is compared with the frame.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { goTo } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: 180_000 });

const FRAMES = 96;
const RATE = 24;

/** Every second of the plate has a pitch of its own: 400 Hz, 800 Hz, 1200 Hz, 1600 Hz. */
const pitchAt = (frame: number) => 400 * (1 + Math.floor(frame / RATE));

function plate(path: string, sound: boolean): string {
  const pitches = `aevalsrc=0.5*sin(2*PI*(400+400*floor(t))*t):s=48000:d=${FRAMES / RATE}`;
  execFileSync('ffmpeg', [
    ...['-y', '-v', 'error', '-f', 'lavfi', '-i', `testsrc2=s=320x180:r=${RATE}:d=${FRAMES / RATE}`],
    ...(sound ? ['-f', 'lavfi', '-i', pitches, '-c:a', 'aac'] : []),
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', path],
  ]);
  return path;
}

/** Puts an ear between the page's mixer and the loudspeaker. */
async function listenIn(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const Native = window.AudioContext;
    class Heard extends Native {
      constructor(options?: AudioContextOptions) {
        super(options);
        const ear = this.createAnalyser();
        ear.fftSize = 2048;
        ear.smoothingTimeConstant = 0;
        ear.connect(super.destination);
        Object.defineProperty(this, 'destination', { value: ear });
        Object.assign(window, { ear });
      }
    }
    window.AudioContext = Heard;
  });
}

type Moment = { frame: number; pitch: number; level: number };

/** Watches for a while: the playhead's frame, and pitch and loudness at the same moment. */
async function hear(page: Page, ms: number): Promise<Moment[]> {
  return page.evaluate(async (during) => {
    const ear = (window as unknown as { ear?: AnalyserNode }).ear;
    const canvas = document.querySelector('.stage__picture')!;
    const moments: { frame: number; pitch: number; level: number }[] = [];
    const end = performance.now() + during;
    while (performance.now() < end) {
      await new Promise((done) => requestAnimationFrame(done));
      const frame = Number(canvas.getAttribute('data-wanted'));
      if (!ear) {
        moments.push({ frame, pitch: 0, level: 0 });
        continue;
      }
      const waves = new Float32Array(ear.fftSize);
      ear.getFloatTimeDomainData(waves);
      const level = waves.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      const bins = new Float32Array(ear.frequencyBinCount);
      ear.getFloatFrequencyData(bins);
      const loudest = bins.indexOf(Math.max(...bins));
      moments.push({ frame, pitch: (loudest * ear.context.sampleRate) / ear.fftSize, level });
    }
    return moments;
  }, ms);
}

/** Of the moments that are not just after a pitch began, those that had another pitch than their frame has. */
function wrong(moments: Moment[]): Moment[] {
  const clear = moments.filter(({ frame }) => frame % RATE >= 4);
  return clear.filter(({ frame, pitch }) => Math.abs(pitch - pitchAt(frame)) > 60);
}

test('sound follows the frame at 1x forwards, and is silent otherwise', async ({ page, server }) => {
  await listenIn(page);
  await becomeOwner(page);
  await makeProject(page, 'Sound');
  const files = [plate(join(server.dataDir, 'pitches.mp4'), true), plate(join(server.dataDir, 'mute.mp4'), false)];
  await page.getByLabel('Plates').first().setInputFiles(files);
  await expect(page.getByText('Ready to annotate')).toHaveCount(2, { timeout: 60_000 });
  await page.getByRole('link', { name: 'pitches' }).first().click();
  const sound = page.getByRole('group', { name: 'Sound' });
  await expect(sound).toBeVisible();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');

  // From the start, over all four pitches.
  await page.keyboard.press('l');
  await expect(sound).toHaveAttribute('data-state', 'playing');
  const playing = await hear(page, 3600);
  const loud = playing.filter((moment) => moment.level > 0.1);
  expect(new Set(loud.map(({ frame }) => Math.floor(frame / RATE))).size, 'seconds that were heard').toBeGreaterThanOrEqual(3);
  expect(loud.length, 'moments with sound').toBeGreaterThan(playing.length * 0.8);
  expect(wrong(loud).length, `pitches that are not the frame's, of ${loud.length}`).toBeLessThan(loud.length * 0.1);

  // A jump while it plays: heard from there.
  await page.getByRole('slider', { name: 'Playhead' }).focus();
  await page.keyboard.press('k');
  await goTo(page, 76);
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await expect(sound).toHaveAttribute('data-state', 'playing');
  const jumped = (await hear(page, 600)).filter((moment) => moment.level > 0.1);
  expect(wrong(jumped).length, `after a jump, of ${jumped.length}`).toBeLessThan(jumped.length * 0.2 + 1);

  // The key and the slider.
  await page.keyboard.press('u');
  await expect(sound.getByRole('button')).toHaveAccessibleName('Turn the sound on');
  expect((await hear(page, 300)).slice(8).every((moment) => moment.level < 0.01), 'muted is silent').toBe(true);
  await sound.getByLabel('Volume in percent').fill('40');
  await expect(sound.getByRole('button')).toHaveAccessibleName('Turn the sound off');

  // Faster, backwards and paused: nothing.
  await page.keyboard.press('l');
  await page.keyboard.press('l');
  await expect(sound).toHaveAttribute('data-state', 'silent');
  expect((await hear(page, 300)).slice(8).every((moment) => moment.level < 0.01), '2x is silent').toBe(true);
  await page.keyboard.press('j');
  await expect(sound).toHaveAttribute('data-state', 'silent');
  await page.keyboard.press('k');
  expect((await hear(page, 300)).slice(8).every((moment) => moment.level < 0.01), 'paused is silent').toBe(true);

  // The volume is remembered; a trimmed shot's sound begins with its first frame.
  await goTo(page, 48);
  await page.keyboard.press('i');
  await goTo(page, 95);
  await page.keyboard.press('o');
  await page.getByRole('button', { name: 'Trim the shot to it' }).click();
  await expect(page.locator('.transport__count')).toContainText('of 48', { timeout: 60_000 });
  await open(page, new URL(page.url()).pathname);
  await expect(sound.getByLabel('Volume in percent')).toHaveValue('40');
  await page.keyboard.press('l');
  await expect(sound).toHaveAttribute('data-state', 'playing');
  const trimmed = (await hear(page, 1500)).filter((moment) => moment.level > 0.02);
  const shifted = trimmed.map((moment) => ({ ...moment, frame: moment.frame + 48 }));
  expect(trimmed.length).toBeGreaterThan(10);
  expect(wrong(shifted).length, `of ${trimmed.length} in the trimmed shot`).toBeLessThan(trimmed.length * 0.1);
  await page.keyboard.press('k');

  // A plate without sound has no control for it.
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('mute');
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  await expect(sound).toHaveCount(0);
});
