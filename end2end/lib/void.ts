// VOID for browser tests: a model of random weights, made by the worker itself where it was built with its networks.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { workerBin } from './place';

/** Makes a test model in the folder of models of a data folder; why not, where the worker has no VOID. */
export function makeTestModel(models: string): string | undefined {
  const { status, stderr } = spawnSync(workerBin, ['stage', 'make-test-model', join(models, 'void')], { encoding: 'utf8' });
  if (status === 0) return undefined;
  if (stderr.includes('built without libtorch')) return 'the worker was built without libtorch, so it has no VOID';
  throw new Error(`no test model: ${stderr}`);
}
