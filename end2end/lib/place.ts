// Where the built product and the output of a run are; `cargo xtask` says, and a plain run finds the defaults.

import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');

export const serverBin = process.env.MINUS_ONE_BIN ?? join(target, 'debug/minus-one');
export const workerBin = process.env.MINUS_ONE_WORKER_BIN ?? join(target, 'debug/minus-one-worker');
export const site = process.env.MINUS_ONE_SITE ?? join(target, 'site');
/** Traces, screenshots, server logs and the report. */
export const output = process.env.MINUS_ONE_E2E_OUTPUT ?? join(target, 'end2end');
/** A proof with its full counts, rather than the short form that runs with the tests. */
export const proving = process.env.PROVE_OUT !== undefined;
