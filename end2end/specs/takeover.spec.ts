// A worker that is killed alone: what it had is taken up by the next one as soon as that is there, not when the lease ends.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../lib/audit';
import { becomeOwner, makeProject } from '../lib/people';
import { expect, test } from '../lib/test';

test.describe.configure({ timeout: 180_000 });

test('a killed worker’s job goes on at once', async ({ page, server }) => {
  const path = join(server.dataDir, 'long.mkv');
  execFileSync('ffmpeg', ['-y', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=1920x1080:r=24:d=6', '-c:v', 'ffv1', '-pix_fmt', 'yuv420p', path]);
  await becomeOwner(page);
  await makeProject(page, 'Kills');
  await page.getByLabel('Plates').first().setInputFiles(path);
  const running = () => ask(server.dataDir, "select worker from job where kind = 'ingest' and state = 'running'");
  await expect.poll(() => running().length, { timeout: 60_000, intervals: [50] }).toBe(1);
  const [{ worker }] = running();
  const [{ pid }] = ask(server.dataDir, `select pid from worker where worker = '${worker}'`);
  process.kill(Number(pid), 'SIGKILL');
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 90_000 });

  const jobs = ask(server.dataDir, "select state, attempt, worker from job where kind = 'ingest'");
  expect(jobs.map(({ state, attempt }) => [state, attempt])).toEqual([['done', 2]]);
  expect(jobs[0].worker, 'another worker').not.toBe(worker);
  expect(readFileSync(server.logFile, 'utf8')).toContain('The worker that ended had 1 job(s); they can be taken up now');
});
