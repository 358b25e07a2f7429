// VOID for browser tests: a model of random weights, made by the worker itself where it was built with its networks; and the
// moment at which a run has something to go on from.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { workerBin } from './place';

/** Makes a test model in the folder of models of a data folder; why not, where the worker has no VOID. */
export function makeTestModel(models: string): string | undefined {
  const { status, stderr } = spawnSync(workerBin, ['stage', 'make-test-model', join(models, 'void')], { encoding: 'utf8' });
  if (status === 0) return undefined;
  if (stderr.includes('built without libtorch')) return 'the worker was built without libtorch, so it has no VOID';
  throw new Error(`no test model: ${stderr}`);
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not made yet, or swept just now
  }
}

/** What runs keep to go on from: a folder for each. */
export function workplaces(dataDir: string): string[] {
  return names(join(dataDir, 'latents'));
}

/** Resolves as soon as a run that was not there in `before` has kept a step. */
export async function stepKept(dataDir: string, before: string[], patience = 120_000): Promise<void> {
  const start = Date.now();
  while (Date.now() - start < patience) {
    const fresh = workplaces(dataDir).filter((name) => !before.includes(name));
    const kept = fresh.flatMap((name) => names(join(dataDir, 'latents', name, 'latents')));
    // With a number behind its name it is a window of a step that is not whole yet.
    if (kept.some((file) => /^state-[0-9a-f]+\.safetensors$/.test(file))) return;
    await new Promise((done) => setTimeout(done, 5));
  }
  throw new Error(`no step was kept within ${patience / 1000} s`);
}
