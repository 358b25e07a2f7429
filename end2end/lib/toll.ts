// What a proof aims its kills at, and what came of them.

import { seed } from './proof';

export const PHASES = ['upload', 'ingest', 'segment', 'approve', 'remove'] as const;
export type Phase = (typeof PHASES)[number];
export const VICTIMS = ['server', 'worker', 'both'] as const;
export type Victim = (typeof VICTIMS)[number];

/** The steps of a removal that compute, in order. What is filled is composited and written while the next frame is filled. */
export const STEPS = ['register', 'background', 'fill', 'verify'] as const;

/** Bytes are in the store, the rows that name them are not. */
export const GAP = 'between bytes and rows';
/** Some bytes of a plate have come, others have not. */
export const MIDWAY = 'on its way';
const ANY = 'whenever';

/** What the kills of a phase aim at, in turn. */
const AIMS: Record<Phase, readonly string[]> = {
  upload: [GAP, MIDWAY, MIDWAY],
  ingest: [ANY, GAP],
  segment: [GAP, ANY],
  approve: [ANY],
  remove: ['fill', 'background', 'verify', 'register', GAP],
};

/** In which phases of a shot somebody is killed, in turn: afterwards all is let finish, so one of two neighbours has to do. */
const CHOICES: readonly (readonly Phase[])[] = [
  ['upload', 'segment', 'remove'],
  ['ingest', 'segment', 'approve'],
  ['upload', 'segment', 'remove'],
];

export type Kill = { phase: Phase; victim: Victim; moment: string; isGap: boolean };

/** What all studios of a proof share. */
export class Toll {
  readonly kills: Kill[] = [];
  readonly wrong: string[] = [];
  resumed = 0;
  audits = 0;
  shots = 0;
  taken = 0;
  unreferenced = 0;
  rows: Record<string, number> = {};
  private readonly aimed: Record<Phase, number> = { upload: seed, ingest: seed, segment: seed, approve: seed, remove: seed };
  private chosen = seed;

  constructor(readonly total: number) {}

  /** Whether one more kill is due; it is then the caller's. */
  take(): boolean {
    if (this.taken >= this.total) return false;
    this.taken += 1;
    return true;
  }

  /** The phases in which the next shot has somebody killed. */
  choose(): readonly Phase[] {
    return CHOICES[this.chosen++ % CHOICES.length];
  }

  /** What the next kill of a phase aims at. */
  aim(phase: Phase): string {
    return AIMS[phase][this.aimed[phase]++ % AIMS[phase].length];
  }

  get gaps(): number {
    return this.kills.filter((kill) => kill.isGap).length;
  }

  /** Kills while a plate was on its way, of the server that took it. */
  get midway(): number {
    return this.kills.filter(({ phase, victim, moment, isGap }) => phase === 'upload' && victim !== 'worker' && moment === MIDWAY && !isGap).length;
  }

  /** Kills of a removal while it computed, by step. */
  get computing(): Record<string, number> {
    const at = (step: string) => this.kills.filter(({ phase, moment, isGap }) => phase === 'remove' && moment === `running, ${step}` && !isGap).length;
    return Object.fromEntries(STEPS.map((step) => [step, at(step)]));
  }

  summary() {
    const histogram = (of: (kill: Kill) => string) => {
      const counts: Record<string, number> = {};
      for (const kill of this.kills) counts[of(kill)] = (counts[of(kill)] ?? 0) + 1;
      return Object.fromEntries(Object.entries(counts).sort());
    };
    return {
      seed,
      kills: this.kills.length,
      wrong: this.wrong.length,
      by_phase: histogram((kill) => kill.phase),
      by_victim: histogram((kill) => kill.victim),
      moments: histogram(({ phase, moment, isGap }) => `${phase}: ${moment}${isGap ? `, ${GAP}` : ''}`),
      between_bytes_and_rows: this.gaps,
      uploads_on_their_way: this.midway,
      removals_computing: this.computing,
      shots: this.shots,
      uploads_resumed_midway: this.resumed,
      audits: this.audits,
      unreferenced_blobs: this.unreferenced,
      rows: this.rows,
      notes: this.wrong.slice(0, 20),
    };
  }
}
