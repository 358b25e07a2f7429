// The life of a project beside its work: another name, archive and back, the bin and back, deleted for good; what the disk
// holds goes down after the sweep. And people who leave, who shares, and the shot's name on a phone.

import { execFileSync } from 'node:child_process';
import { readdirSync, utimesSync } from 'node:fs';
import { join as path } from 'node:path';
import type { Page } from '@playwright/test';
import { ask, change } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { PHONE, look } from '../lib/look';
import { becomeOwner, inviteLink, join, makeProject } from '../lib/people';
import { output, serverBin } from '../lib/place';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: 240_000 });
// What is in the bin answers 404, to the page that asks for it too.
test.use({ expectedMessages: [/404/] });

const shoot = (page: Page, name: string) => look(page, 'bin', name);

/** As if everything in the store had lain there for two days. */
function age(dataDir: string): void {
  // The server's own sweep of the day is over.
  change(dataDir, `insert into upkeep (what, at, said) values ('sweep', ${Date.now() * 1000}, '') on conflict (what) do update set at = excluded.at`);
  change(dataDir, 'update blob set seen_at = seen_at - 172800000000');
  const then = new Date(Date.now() - 2 * 86_400_000);
  const files = readdirSync(path(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  for (const file of files) if (file.isFile()) utimesSync(path(file.path, file.name), then, then);
}

/** What the disk page says of one figure. */
const figure = async (page: Page, name: string) =>
  (await page.locator('.figure').filter({ has: page.getByText(name, { exact: true }) }).locator('.figure__value').textContent())!.trim();

test('rename, archive, bin, delete for good, sweep', async ({ page, server }) => {
  await becomeOwner(page);
  await makeProject(page, 'Northlight');
  const project = new URL(page.url()).pathname;
  for (const name of ['square', 'second']) {
    const clip = movingSquare(path(server.dataDir, `${name}.mp4`), name === 'square' ? 14 : 10);
    await page.getByLabel('Plates').first().setInputFiles(clip.path);
    await expect(page.getByRole('article').filter({ hasText: name }).getByText('Ready to annotate')).toBeVisible({ timeout: 60_000 });
  }

  // The shot: another name, seen on a phone too.
  await page.getByRole('link', { name: 'square' }).first().click();
  await page.waitForURL(/\/shots\//);
  const shot = new URL(page.url()).pathname;
  await page.getByLabel('This shot').click();
  await page.getByRole('button', { name: 'Rename…' }).click();
  const naming = page.getByRole('dialog', { name: 'Rename the shot' });
  await naming.getByLabel('Name').fill('NL_204_0310 red square over the wall');
  await naming.getByRole('button', { name: 'Rename', exact: true }).click();
  const crumb = page.getByRole('navigation', { name: 'Where you are' }).getByText('NL_204_0310 red square over the wall');
  await expect(crumb).toBeVisible();
  await page.setViewportSize(PHONE);
  await expect(crumb).toBeVisible();
  const box = (await crumb.boundingBox())!;
  expect(box.width, 'the name is readable on a phone').toBeGreaterThan(120);
  await shoot(page, 'shot');

  // Project and sequence: other names.
  await open(page, project);
  await page.getByRole('button', { name: 'New sequence' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('NL_204');
  await page.getByRole('button', { name: 'Make sequence' }).click();
  await expect(page.getByRole('link', { name: /NL_204/ }).first()).toBeVisible();
  await page.getByRole('link', { name: 'Project settings' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Northlight S02');
  await page.getByRole('button', { name: 'Save settings' }).click();
  await expect(page.getByRole('navigation', { name: 'Where you are' }).getByText('Northlight S02')).toBeVisible();
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByLabel('Name of the sequence').fill('NL_205');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('navigation', { name: 'Main' }).getByText('NL_205')).toBeVisible();
  await expect(page.getByRole('region', { name: 'Disk' })).toContainText('all of it would be free');
  await page.getByLabel('supervisors').uncheck();
  await expect(page.getByText('Settings saved').first()).toBeVisible();
  await page.getByLabel('Keep clients apart').check();
  await shoot(page, 'settings');
  await page.getByRole('region', { name: 'Archive or delete' }).scrollIntoViewIfNeeded();
  await shoot(page, 'settings-end');

  // Archived: out of the list, found under the filter, read-only, and back.
  await page.getByRole('button', { name: 'Archive', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'This project is archived' })).toBeVisible();
  await shoot(page, 'settings-archived');
  await open(page, '/');
  await expect(page.getByText('No project is in work.')).toBeVisible();
  await page.getByRole('link', { name: /^Archived/ }).click();
  await expect(page.getByRole('article').filter({ hasText: 'Northlight S02' })).toContainText('archived');
  await shoot(page, 'archive');
  await page.getByRole('link', { name: 'Northlight S02' }).click();
  await expect(page.getByRole('note')).toContainText('This project is archived');
  await expect(page.getByRole('button', { name: 'Choose shots' })).toHaveCount(0);
  await shoot(page, 'board-archived');
  await open(page, shot);
  await expect(page.getByRole('navigation', { name: 'Where you are' }).getByText('archived')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Grow mask over the shot' })).toBeDisabled();
  await shoot(page, 'shot-archived');
  await open(page, `${project}/settings`);
  await page.getByRole('button', { name: 'Take out of the archive' }).click();
  await expect(page.getByRole('button', { name: 'Archive', exact: true })).toBeVisible();

  // A shot goes into the bin and comes back; its address says that nothing is there meanwhile.
  await open(page, shot);
  await page.getByLabel('This shot').click();
  await page.getByRole('button', { name: 'Move to the bin…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Move to the bin' }).click();
  await page.waitForURL(new RegExp(`${project}$`));
  await expect(page.getByRole('article')).toHaveCount(1);
  await open(page, shot);
  await expect(page.getByText('This is not here, or not yours to see.')).toBeVisible();
  await open(page, '/bin');
  const row = page.getByRole('row').filter({ hasText: 'NL_204_0310' });
  await expect(row).toContainText('shot of Northlight S02');
  await expect(row).toContainText('gone on ');
  await row.getByRole('button', { name: 'Restore' }).click();
  await expect(page.getByText('The bin is empty')).toBeVisible();
  await open(page, shot);
  await expect(page.getByRole('navigation', { name: 'Where you are' }).getByText('NL_204_0310')).toBeVisible();

  // Several at once from the board.
  await open(page, project);
  await page.getByRole('button', { name: 'Choose shots' }).click();
  await page.getByRole('checkbox', { name: 'Choose second' }).check();
  const bar = page.getByRole('region', { name: 'What is chosen' });
  await bar.getByRole('button', { name: 'Move to the bin…' }).click();
  await shoot(page, 'choosing');
  await bar.getByRole('button', { name: 'Move 1 shot to the bin' }).click();
  await expect(page.getByRole('article')).toHaveCount(1);

  // The whole project, and back once; then for good, with its name typed.
  const deleteProject = async () => {
    await open(page, `${project}/settings`);
    await page.getByRole('button', { name: 'Delete…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Move to the bin' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    await expect(page.getByRole('article')).toHaveCount(0);
  };
  await open(page, '/disk');
  await shoot(page, 'disk');
  const held = await figure(page, 'Projects');
  expect(held).not.toBe('0 B');
  await deleteProject();
  await open(page, '/bin');
  await shoot(page, 'bin');
  const ofProject = page.getByRole('row').filter({ hasText: 'Northlight S02' });
  await ofProject.getByRole('button', { name: 'Restore' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'second' })).toBeVisible();
  await deleteProject();
  await open(page, '/bin');
  await ofProject.getByRole('button', { name: 'Delete for good…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete “Northlight S02” for good' });
  await dialog.getByLabel('Type this to go on').fill('northlight');
  await expect(dialog.getByRole('button', { name: 'Delete for good' })).toBeDisabled();
  await shoot(page, 'delete');
  await dialog.getByLabel('Type this to go on').fill('Northlight S02');
  await dialog.getByRole('button', { name: 'Delete for good' }).click();
  await expect(page.getByText('The bin is empty')).toBeVisible();
  await shoot(page, 'bin-empty');
  expect(ask(server.dataDir, 'select count(*) as n from shot')[0].n).toBe(0);

  // What it had is swept: after a day, and looked at before.
  await open(page, '/disk');
  await expect(page.getByRole('region', { name: 'Sweep' })).toContainText('Nothing can be removed now');
  await expect(page.getByRole('region', { name: 'Sweep' })).toContainText('put or used within a day');
  age(server.dataDir);
  const dry = execFileSync(serverBin, ['sweep', '--dry-run', '--data', server.dataDir], { encoding: 'utf8' });
  expect(dry).toMatch(/^Would remove \d+ unused files \([\d.]+ [kM]B\)\.$/m);
  await page.reload();
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  await expect(page.getByRole('region', { name: 'Sweep' })).toContainText('A sweep would remove');
  expect(await figure(page, 'Used by nothing')).not.toBe('0 B');
  await page.getByRole('button', { name: 'Sweep now…' }).click();
  await shoot(page, 'sweep');
  await page.getByRole('button', { name: 'Remove it for good' }).click();
  await expect(page.locator('.figure').filter({ hasText: 'Used by nothing' })).toContainText('0 B');
  expect(await figure(page, 'Projects')).toBe('0 B');
  await expect(page.getByRole('region', { name: 'Sweep' })).toContainText('Last');
  await shoot(page, 'disk-swept');
  const files = readdirSync(path(server.dataDir, 'blobs'), { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  expect(files, 'files of blobs').toEqual([]);

  // All of it is in the trail.
  await open(page, '/audit');
  for (const deed of ['renamed a shot', 'renamed a sequence', 'archived a project', 'took a project out of the archive', 'moved something into the bin', 'restored something from the bin', 'deleted something for good', 'removed unused bytes from the disk']) {
    await expect(page.locator('tbody').getByText(deed).first()).toBeVisible();
  }
  await shoot(page, 'audit');
});

test('somebody leaves and another takes over', async ({ page, browser }) => {
  await open(page, '/sign-in');
  await page.getByLabel('E-mail').fill('owner@studio.test');
  await page.getByLabel('Password').fill('four quiet brown horses');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Projects' }).waitFor();
  await makeProject(page, 'Handover');
  const project = new URL(page.url()).pathname;
  const clip = movingSquare(path(output, 'leaving.mp4'), 12);
  await page.getByLabel('Plates').first().setInputFiles(clip.path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });
  const links = [await inviteLink(page, 'artist', 'Handover'), await inviteLink(page, 'artist', 'Handover')];
  const [leavingContext] = await join(browser, links[0], 'Lea');
  const [heirContext, heir] = await join(browser, links[1], 'Hal');
  await open(page, project);
  await page.getByRole('button', { name: 'Choose shots' }).click();
  await page.getByRole('checkbox').first().check();
  await page.getByLabel('Assign the chosen shots to').selectOption({ label: 'Lea' });
  await expect(page.getByRole('group', { name: /Assigned to Lea/ })).toBeVisible();
  await open(page, '/people');
  const row = page.getByRole('row').filter({ hasText: 'Lea' }).first();
  await expect(row).toContainText('1 shot assigned');
  await row.getByRole('button', { name: 'Deactivate…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Deactivate Lea' });
  await dialog.getByLabel('Who takes over').selectOption({ label: 'Hal · artist' });
  await shoot(page, 'leaving');
  await dialog.getByRole('button', { name: 'Deactivate' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'Hal' }).first()).toContainText('1 shot assigned');
  await expect(heir.getByRole('link', { name: 'Inbox: 1 new' })).toBeVisible();
  await leavingContext.close();
  await heirContext.close();
});
