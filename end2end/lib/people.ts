// Signing in as somebody: the owner through set-up, everybody else through an invitation link, as in life.

import type { Browser, BrowserContext, Page } from '@playwright/test';
import { open } from './test';

export const PASSWORD = 'four quiet brown horses';

/** The first start: makes the owner and ends on the list of projects. */
export async function becomeOwner(page: Page): Promise<void> {
  await open(page, '/');
  await page.getByLabel('Your name').fill('Owner');
  await page.getByLabel('E-mail').fill('owner@studio.test');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create the owner' }).click();
  await page.getByRole('heading', { name: 'Projects' }).waitFor();
}

/** The owner signs in again, on a server or origin where the browser is not known; ends on the list of projects. */
export async function signInOwner(page: Page): Promise<void> {
  await open(page, '/sign-in');
  await page.getByLabel('E-mail').fill('owner@studio.test');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Projects' }).waitFor();
}

/** From the list of projects; ends on the new project's board. */
export async function makeProject(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'New project' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByRole('button', { name: 'Make project' }).click();
  await page.waitForURL(/\/projects\/[0-9a-f-]+$/);
}

/** Makes an invitation link for a role and project, as an owner or producer. */
export async function inviteLink(page: Page, role: string, project: string): Promise<string> {
  await open(page, '/people');
  await page.getByRole('button', { name: 'Invite' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Role').selectOption(role);
  await dialog.getByLabel('Project').selectOption({ label: project });
  await dialog.getByRole('button', { name: 'Make a link' }).click();
  const field = dialog.getByLabel('Invitation link');
  await field.waitFor();
  return field.inputValue();
}

/** A browser of its own in which `name` accepts an invitation. */
export async function join(browser: Browser, link: string, name: string): Promise<[BrowserContext, Page]> {
  const context = await browser.newContext({ baseURL: new URL(link).origin });
  const page = await context.newPage();
  await open(page, link);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('E-mail').fill(`${name.toLowerCase()}@studio.test`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: /join|account|accept/i }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/invite'));
  return [context, page];
}
