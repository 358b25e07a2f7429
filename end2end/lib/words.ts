// Finding by words in browser tests: models of random weights, and the hands on the form and on what was found.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, type Locator, type Page } from '@playwright/test';
import { workerBin } from './place';

/** Makes test models of SAM 3 and SAM 2 in the folder of models of a data folder; why not, where the worker has no networks. */
export function makeWordModels(models: string): string | undefined {
  for (const network of ['sam2', 'sam3']) {
    const words = ['stage', 'make-test-model', '--network', network, join(models, network)];
    const { status, stderr } = spawnSync(workerBin, words, { encoding: 'utf8' });
    if (status === 0) continue;
    if (stderr.includes('built without libtorch')) return 'the worker was built without libtorch, so it finds nothing by words';
    throw new Error(`no test model: ${stderr}`);
  }
  return undefined;
}

/** What the words found, beside the picture. */
export function found(page: Page): Locator {
  return page.getByRole('region', { name: 'What the words found' });
}

/** Types words on the targets step and waits for what they find; milliseconds. */
export async function look(page: Page, words: string, timeout = 120_000): Promise<number> {
  await page.getByLabel('What to find, in words').fill(words);
  const start = performance.now();
  await page.getByRole('button', { name: 'Find over the shot' }).click();
  await expect(found(page).getByText(`“${words}”`, { exact: true })).toBeVisible({ timeout });
  return performance.now() - start;
}

/** Sets the threshold by its slider. */
export async function threshold(page: Page, value: number): Promise<void> {
  await found(page).getByLabel('Threshold').fill(String(value));
}
