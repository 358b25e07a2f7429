// Counts, chance and figures of the proofs: the short form runs with the tests, the full one under `cargo xtask prove`.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';

/** How often: `--count`, or `full` in a proof, or `short` with the tests. */
export function count(short: number, full: number): number {
  const asked = Number(process.env.PROVE_COUNT);
  if (asked > 0) return asked;
  return process.env.PROVE_OUT === undefined ? short : full;
}

export const seed = Number(process.env.PROVE_SEED ?? 1);

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function chance(from = seed): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Writes the figures of a proof; does nothing in the short form. */
export function record(figures: Record<string, unknown>): void {
  const out = process.env.PROVE_OUT;
  if (out === undefined) return;
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`;
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify({ ...figures, machine }, null, 2)}\n`);
}
