// What else is affected, from looking to a cause: the built-in reasoner on a clip whose truth is plain, by hand of an artist.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../lib/audit';
import { clickPlate } from '../lib/desk';
import { becomeOwner, makeProject } from '../lib/people';
import { output } from '../lib/place';
import { expect, test } from '../lib/test';

test.describe.configure({ timeout: 240_000 });
// Looking without a mask is refused, and the page says why.
test.use({ expectedMessages: [/status of 422/] });

/** A red square moves right over a patterned wall; a softer dark square below it goes with it: its shadow. */
function squareWithShadow(path: string, frames = 30) {
  const [width, height] = [320, 180];
  execFileSync('ffmpeg', [
    ...['-y', '-v', 'error', '-f', 'lavfi', '-i', `testsrc2=s=${width}x${height}:r=24`],
    ...['-f', 'lavfi', '-i', 'color=c=0xd03020:s=40x40:r=24', '-f', 'lavfi', '-i', 'color=c=black:s=44x20:r=24'],
    // One still of a pattern, made grey and even, so that nothing else moves.
    ...['-filter_complex', [
      '[0]trim=end_frame=1,loop=loop=-1:size=1,hue=s=0.15,eq=contrast=0.35:brightness=0.12,noise=alls=3:allf=t[wall]',
      '[2]format=rgba,colorchannelmixer=aa=0.4,boxblur=2:1[shade]',
      '[wall][shade]overlay=x=38+6*n:y=112[ground]',
      '[ground][1]overlay=x=40+6*n:y=70',
    ].join(';')],
    ...['-frames:v', String(frames), '-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-crf', '10', path],
  ]);
  return { path, width, height, frames };
}

test('a shadow is proposed, put aside, brought back and becomes a cause', async ({ page, server }) => {
  const pictures = join(output, 'reason');
  mkdirSync(pictures, { recursive: true });
  const clip = squareWithShadow(join(server.dataDir, 'shaded.mp4'));
  await becomeOwner(page);
  await makeProject(page, 'Reason');
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'shaded' }).first().click();
  await expect(page.locator('.stage__picture')).toHaveAttribute('data-frame', '0');
  const look = page.getByRole('button', { name: 'Look for what else is affected' });

  // Without a mask there is nothing to look for, and the page says what to do.
  await page.getByRole('link', { name: /Quadmask/ }).click();
  await look.click();
  await expect(page.getByText('The target is on no frame yet')).toBeVisible();
  await page.getByRole('button', { name: 'Close message' }).click();
  await page.getByRole('link', { name: /Targets/ }).click();

  await page.keyboard.press('x');
  await clickPlate(page, 60, 90, clip);
  await page.getByRole('button', { name: 'Grow mask over the shot' }).click();
  // A second link leads there once the mask has grown.
  await page.getByRole('link', { name: /Quadmask/ }).first().click();
  await expect(page.getByText(new RegExp(`covered on ${clip.frames}/${clip.frames} frames`))).toBeVisible({ timeout: 90_000 });
  await expect(page.getByRole('region', { name: 'Grow primary mask' })).toHaveCount(0, { timeout: 90_000 });

  // It looks, says where it is, and proposes the shadow with its reason and how sure it is.
  await look.click();
  const list = page.getByRole('group', { name: 'What else may be affected' });
  const card = list.getByRole('listitem').filter({ hasText: 'Shadow of the target' });
  await expect(card).toBeVisible({ timeout: 120_000 });
  await expect(card).toContainText('visual effect');
  await expect(card).toContainText(/(likely|possible) 0\.\d\d/);
  await expect(card).toContainText('keeps its texture and colour');
  await expect(list).toContainText('built-in reasoner');
  await card.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(pictures, 'proposed-1440.png') });
  await page.setViewportSize({ width: 390, height: 844 });
  await card.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(pictures, 'proposed-390.png') });
  await page.setViewportSize({ width: 1440, height: 900 });

  // A click on its picture goes to the frame that shows it.
  await card.getByRole('button', { name: /Go to frame/ }).click();
  await expect(page.locator('.stage__picture')).not.toHaveAttribute('data-frame', '0');

  // Looking again changes nothing: plate and masks are the same.
  await look.click();
  await expect(page.getByText('Nothing changed since the last look')).toBeVisible();

  // Put aside and brought back.
  await card.getByRole('button', { name: 'Reject: Shadow of the target' }).click();
  await list.getByText('1 proposal rejected').click();
  await list.getByRole('button', { name: 'Bring back: Shadow of the target' }).click();
  await expect(list.getByText('1 proposal rejected')).toHaveCount(0);

  // Accepted, it is a cause like any other, with cells below the square.
  await card.getByRole('button', { name: 'Accept: Shadow of the target' }).click();
  const cause = page.locator('.cause[data-kind="cause"]');
  await expect(cause.getByLabel('What changes')).toHaveValue('Shadow of the target');
  await expect(cause.getByRole('button', { name: /cells · edit/ })).toBeVisible();
  await expect(cause).toContainText('Proposed by the built-in reasoner');
  await expect(page.locator('.timeline__lane[data-lane="affected"] .timeline__run').first()).toBeVisible();
  await expect(card).toHaveCount(0);
  await cause.getByLabel('What changes').fill('Shadow on the wall');
  await cause.getByLabel('What changes').press('Tab');
  await expect.poll(() => ask(server.dataDir, 'select name from cause')[0]?.name).toBe('Shadow on the wall');
  await page.screenshot({ path: join(pictures, 'accepted-1440.png') });

  // It is there after a reload, and on a phone.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  await expect(page.locator('.cause[data-kind="cause"]').getByLabel('What changes')).toHaveValue('Shadow on the wall');
  await list.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(pictures, 'accepted-390.png') });
});
