// SIGKILL of server and worker while shots are uploaded, read, segmented, approved and removed: `cargo xtask prove kills`.
// Moments are aimed at: a plate that is half there, a step of a removal that computes, bytes that are in the store while the
// rows that name them are not; some are random. After every kill all work is let finish, and rows are compared with the
// bytes on the disk.

import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { ask, audit, change, sha256 } from '../lib/audit';
import { movingSquare } from '../lib/clips';
import { proving } from '../lib/place';
import { chance, count, record, seed } from '../lib/proof';
import { Server } from '../lib/server';
import { Gone, Refused, Studio } from '../lib/studio';
import { expect, open, test } from '../lib/test';
import { GAP, MIDWAY, type Phase, STEPS, Toll, VICTIMS } from '../lib/toll';

// Servers are started here, and killed.
test.use({ baseURL: 'http://localhost' });
test.describe.configure({ timeout: proving ? 0 : 600_000 });

/** Studios that are killed side by side: most of the time is spent waiting for leases to run out. */
const LANES = proving ? 3 : 2;
const FRAMES = 16;
/** The plate is so many times 320×180: large enough that a removal computes for a while. */
const SCALE = proving ? 4 : 2;
/** Bytes that make every plate a file of its own, long enough to be killed on its way. */
const PADDING = 4 << 20;
const PIECE = 128 << 10;
const PIECE_PAUSE_MS = 8;
/** A blow at a step of a removal falls so soon after it went to work. */
const MOST_INTO_STEP_MS = proving ? 60 : 30;
const EMAIL = 'owner@studio.test';
const PASSWORD = 'four quiet brown horses';
/** Only so that a lost job ends the proof; a busy machine may take minutes. */
const MOST_WAIT_MS = proving ? 900_000 : 300_000;

/** `sent`: how many of its bytes have gone out. */
type Shot = { name: string; bytes: Buffer; sent: number; id: string; asked: Record<string, number> };

/** A process says by a file that it lingers at a place: a step that begins, or between bytes and rows. */
type Mark = { pid: number; place: string };
/** Where the server and the worker linger between bytes and rows. */
const GAPS = ['upload', 'worker'];
/** The steps of a removal, each later than the one before. */
const ORDER: readonly string[] = [...STEPS, 'store'];

test('a killed server or worker loses and doubles nothing', async ({ browser }) => {
  const folder = mkdtempSync(join(tmpdir(), 'minus-one-kills-'));
  const toll = new Toll(count(6, 100));
  const base = readFileSync(movingSquare(join(folder, 'square.mp4'), FRAMES, SCALE).path);
  const lanes = Array.from({ length: LANES }, (_, at) => new Lane(at, join(folder, `data-${at}`), base, toll));
  // Small and still, so that it costs little to keep painting it.
  const context = await browser.newContext({ viewport: { width: 800, height: 600 }, reducedMotion: 'reduce' });
  try {
    await Promise.all(lanes.map((lane) => lane.start()));
    // One page stays open through all of it and is never reloaded.
    const page = await context.newPage();
    await lanes[0].show(page);
    await Promise.all(lanes.map((lane) => lane.run()));
    await lanes[0].pageIsTrue(page);
    await lanes[0].stop();
    lanes[0].noticesDamage();
  } finally {
    await context.close();
    await Promise.all(lanes.map((lane) => lane.stop()));
    record(toll.summary());
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  expect(toll.wrong, 'what was lost, doubled or half there').toEqual([]);
  expect(toll.kills).toHaveLength(toll.total);
  // Of a hundred; the short form has too few for a claim.
  if (!proving) return;
  expect(toll.gaps, GAP).toBeGreaterThanOrEqual(Math.floor(toll.total / 4));
  expect(toll.midway, 'plates on their way').toBeGreaterThanOrEqual(Math.floor(toll.total / 10));
  const computing = Object.values(toll.computing);
  expect(computing.reduce((all, some) => all + some, 0), 'removals that computed').toBeGreaterThanOrEqual(Math.floor(toll.total / 10));
  for (const [step, kills] of Object.entries(toll.computing)) expect(kills, step).toBeGreaterThanOrEqual(Math.floor(toll.total / 100));
});

/** One studio with its own data, and the one who works in it. */
class Lane {
  private server!: Server;
  private studio!: Studio;
  private project = '';
  private readonly random: () => number;
  private readonly shots: Shot[] = [];
  /** How long a phase takes when nobody is killed, in ms. */
  private readonly usual: Record<Phase, number> = { upload: 0, ingest: 0, segment: 0, approve: 0, remove: 0 };

  constructor(
    private readonly at: number,
    private readonly dataDir: string,
    private readonly base: Buffer,
    private readonly toll: Toll,
  ) {
    this.random = chance(seed * 7919 + at);
  }

  async start(): Promise<void> {
    mkdirSync(this.lingering, { recursive: true });
    this.server = await this.serve();
    this.studio = await Studio.withOwner(this.server.baseURL, EMAIL, PASSWORD);
    this.project = await this.studio.call<string>('create_project', { name: `Kills ${this.at}` });
  }

  private serve(port?: number): Promise<Server> {
    return Server.start({ dataDir: this.dataDir, port, env: { MINUS_ONE_LINGER: this.lingering } });
  }

  /** Where processes say that they are between bytes and rows. */
  private get lingering(): string {
    return `${this.dataDir}-lingering`;
  }

  async stop(): Promise<void> {
    await this.server?.stop();
  }

  async show(page: Page): Promise<void> {
    await open(page, `${this.server.baseURL}/sign-in`);
    await page.getByLabel('E-mail').fill(EMAIL);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('link', { name: `Kills ${this.at}` }).first().click();
    await page.waitForURL(/\/projects\/[0-9a-f-]+$/);
  }

  /** The page that saw the server die again and again shows how things are. */
  async pageIsTrue(page: Page): Promise<void> {
    const cards = page.locator('.card[data-phase]');
    const done = page.locator('.card[data-phase="result_review"]');
    // The board keeps only the cards in the page that fit the window.
    await expect.poll(async () => (await done.count()) >= Math.min(this.shots.length, 6), { timeout: 60_000 }).toBe(true);
    await expect.poll(async () => (await cards.count()) - (await done.count()), { timeout: 60_000 }).toBe(0);
  }

  /** Shots from upload to version, until all kills are done; the first is left in peace to learn how long things take. */
  async run(): Promise<void> {
    await this.shot(false);
    while (this.toll.taken < this.toll.total) await this.shot(true);
  }

  private async shot(isKilled: boolean): Promise<void> {
    const padding = Buffer.alloc(PADDING, this.shots.length % 251);
    padding.writeUInt32BE(PADDING, 0);
    padding.write('free', 4, 'latin1');
    padding.write(`lane ${this.at} shot ${this.shots.length}`, 8);
    const shot: Shot = { name: `plate-${this.shots.length}`, bytes: Buffer.concat([this.base, padding]), sent: 0, id: '', asked: {} };
    this.shots.push(shot);
    this.toll.shots += 1;
    const chosen = isKilled ? this.toll.choose() : [];
    const step = (phase: Phase, work: () => Promise<void>) => this.phase(phase, shot, chosen.includes(phase), work);
    await step('upload', () => this.upload(shot));
    await step('ingest', () => this.job(shot, 'ingest'));
    await this.until(() => this.mark(shot));
    await step('segment', () => this.segment(shot));
    await step('approve', () => this.approve(shot));
    await step('remove', () => this.job(shot, 'remove'));
    this.look(true);
  }

  /** Does `work`, killing somebody at a moment of it, again and again until it is through. */
  private async phase(phase: Phase, shot: Shot, isKilled: boolean, work: () => Promise<void>): Promise<void> {
    const began = Date.now();
    if (!isKilled || !this.toll.take()) {
      await this.until(work);
      this.usual[phase] ||= Date.now() - began;
      return;
    }
    let over = false;
    let failure: unknown;
    const working = work().then(
      () => (over = true),
      (error) => (failure = error),
    );
    const found = await this.aimed(phase, shot, () => over || failure !== undefined);
    if (found === undefined) await sleep(this.random() * (this.usual[phase] + 40));
    await this.kill(phase, shot, found);
    await working;
    if (failure !== undefined && !(failure instanceof Gone)) throw failure;
    if (!over) await this.until(work);
    await this.quiet();
    this.look(false);
  }

  /**
   * Waits for the moment that the next kill of a phase aims at; where a process said it was, or a plate on its way.
   * `undefined` when any moment will do, or the work is over before.
   */
  private async aimed(phase: Phase, shot: Shot, isOver: () => boolean): Promise<Mark | undefined> {
    const aim = this.toll.aim(phase);
    if (aim === MIDWAY) {
      const share = 0.1 + 0.7 * this.random();
      while (!isOver() && shot.sent < share * shot.bytes.length) await sleep(PIECE_PAUSE_MS);
      return isOver() ? undefined : { pid: this.server.process.pid!, place: MIDWAY };
    }
    if (aim === GAP) {
      // A removal writes when it begins, too; it is its end that has bytes.
      if (phase === 'remove') await this.lingers(['store'], isOver);
      return this.lingers(GAPS, isOver);
    }
    const first = STEPS.findIndex((step) => step === aim);
    if (first < 0) return undefined;
    const found = await this.lingers(STEPS.slice(first), isOver);
    // It waits there before it goes to work.
    while (found !== undefined && !isOver() && existsSync(join(this.lingering, `${found.pid}-${found.place}`))) await sleep(5);
    await sleep(this.random() * MOST_INTO_STEP_MS);
    return found;
  }

  /** Waits until a process is at one of `places`, and says which; `undefined` when the work is over before one is. */
  private async lingers(places: readonly string[], isOver: () => boolean): Promise<Mark | undefined> {
    while (!isOver()) {
      const found = this.marks().find(({ place }) => places.includes(place));
      if (found !== undefined) return found;
      await sleep(15);
    }
    return undefined;
  }

  /** Where living processes say that they linger; one that was killed left its mark. */
  private marks(of: (number | undefined)[] = [this.server.process.pid, workerOf(this.server)]): Mark[] {
    const all = readdirSync(this.lingering).map((name) => name.split('-'));
    return all.map(([pid, place]) => ({ pid: Number(pid), place })).filter(({ pid }) => of.includes(pid));
  }

  private async kill(phase: Phase, shot: Shot, found: Mark | undefined): Promise<void> {
    const worker = workerOf(this.server);
    const server = this.server.process.pid;
    const drawn = VICTIMS[[0, 0, 1, 1, 2][Math.floor(this.random() * 5)]];
    // A step goes on in the worker, and it hurts whoever is killed; of a gap and an upload it is one process that counts.
    const one = found?.pid === server ? 'server' : 'worker';
    const due = found === undefined || drawn === 'both' || isStep(found) ? drawn : one;
    // A worker that was just killed is not back at once.
    const victim = worker === undefined ? 'server' : due;
    if (victim !== 'server' && worker !== undefined) process.kill(worker, 'SIGKILL');
    if (victim !== 'worker') await this.server.kill();
    const last = this.marks([server, worker]);
    const isGap = last.some(({ pid, place }) => GAPS.includes(place) && (victim === 'both' || (pid === server) === (victim === 'server')));
    const waits = last.find(({ place }) => !GAPS.includes(place));
    const worked = found !== undefined && isStep(found) && !isGap ? found : undefined;
    const moment = this.moment(phase, shot, (waits ?? worked)?.place, waits !== undefined);
    this.toll.kills.push({ phase, victim, moment, isGap });
    if (victim !== 'worker') this.server = await this.serve(this.server.port);
  }

  /** Where the work was when the blow fell, as the rows tell it; `said`: the step that its worker named, which rows learn later. */
  private moment(phase: Phase, shot: Shot, said: string | undefined, isWaiting: boolean): string {
    if (phase === 'upload') {
      const upload = this.uploadOf(shot);
      if (upload === undefined) return 'not announced';
      return upload.state === 'done' ? 'became a shot' : MIDWAY;
    }
    if (phase === 'approve') {
      const made = this.ask(`select (select count(*) from quadmask where shot_id = '${shot.id}') as masks,
        (select count(*) from decision where shot_id = '${shot.id}') as decisions`)[0];
      return made.decisions ? 'approved' : made.masks ? 'sent to review' : 'not sent';
    }
    const job = this.ask(`select state, step from job where shot_id = '${shot.id}' and kind = '${phase}' order by created_at desc limit 1`)[0];
    if (job === undefined) return 'not queued';
    if (job.state !== 'running') return String(job.state);
    const told = ORDER.indexOf(String(job.step)) > ORDER.indexOf(said ?? '') ? job.step : (said ?? job.step);
    return `running, ${isWaiting ? 'before ' : ''}${told ?? 'just begun'}`;
  }

  /** The upload as a tus client does it: asks how far it is, goes on from there. */
  private async upload(shot: Shot): Promise<void> {
    let upload = this.uploadOf(shot);
    if (upload === undefined) {
      await this.studio.beginUpload(this.project, `${shot.name}.mp4`, shot.bytes.length);
      upload = this.uploadOf(shot)!;
    }
    const address = `/api/uploads/${upload.upload_id}`;
    const offset = await this.studio.uploadOffset(address);
    if (offset > 0 && offset < shot.bytes.length) this.toll.resumed += 1;
    if (offset < shot.bytes.length) {
      try {
        await this.studio.sendRest(address, shot.bytes, offset, PIECE, PIECE_PAUSE_MS, (to) => (shot.sent = to));
      } catch (error) {
        // The answer to the last byte may be what was lost: the rows say.
        if (!(error instanceof Refused && error.status === 409)) throw error;
      }
    }
    const done = this.uploadOf(shot)!;
    if (done.state !== 'done') throw new Gone('the upload is not finished');
    shot.id = String(done.shot_id);
    shot.asked.ingest = 1;
    const row = this.ask(`select name, plate from shot where shot_id = '${shot.id}'`)[0];
    if (row.plate !== sha256(shot.bytes)) this.toll.wrong.push(`${shot.name}: the plate is not the file that was uploaded`);
    if (row.name !== shot.name) this.toll.wrong.push(`${shot.name} became ${row.name}: it was made twice`);
  }

  private uploadOf(shot: Shot) {
    // Like a browser that finds its unfinished uploads again, also one whose announcement was not answered.
    return this.ask(`select upload_id, state, shot_id from upload where file_name = '${shot.name}.mp4' order by created_at desc limit 1`)[0];
  }

  private async mark(shot: Shot): Promise<void> {
    if (this.ask(`select 1 from target where shot_id = '${shot.id}' and points <> '[]'`).length > 0) return;
    const there = this.ask(`select target_id from target where shot_id = '${shot.id}'`)[0];
    const id = there?.target_id ?? (await this.studio.call<{ target_id: string }>('add_target', { shot_id: shot.id, name: 'Square' })).target_id;
    const points = [{ frame: 0, x: 62 * SCALE, y: 92 * SCALE, positive: true }];
    const target = { target_id: id, name: 'Square', colour: '#FF6B1A', points, boxes: [] };
    await this.studio.call('save_target', { shot_id: shot.id, target }, 'json');
  }

  private async segment(shot: Shot): Promise<void> {
    if (this.ask(`select 1 from job where shot_id = '${shot.id}' and kind = 'segment'`).length === 0) {
      await this.studio.call('start_segment', { shot_id: shot.id, by: 'plate' });
    }
    shot.asked.segment = 1;
    await this.job(shot, 'segment');
    const frames = this.ask(`select count(*) as n from draft_frame where shot_id = '${shot.id}' and confidence is not null`)[0].n;
    if (frames !== FRAMES) this.toll.wrong.push(`${shot.name}: ${frames} of ${FRAMES} frames have a mask`);
  }

  /** Sends to review and approves, the way somebody does who looks again after a broken connection and presses again. */
  private async approve(shot: Shot): Promise<void> {
    const quadmask = () => this.ask(`select quadmask_id, subject from quadmask where shot_id = '${shot.id}'`)[0];
    if (quadmask() === undefined) await this.studio.call('submit_quadmask', { shot_id: shot.id, note: '' });
    const { quadmask_id, subject } = quadmask();
    try {
      await this.studio.call('decide_quadmask', { quadmask_id, seen: subject, verdict: 'approve', note: '' });
    } catch (error) {
      // Pressed twice: the first one counted.
      if (!(error instanceof Refused && error.status === 409)) throw error;
    }
    shot.asked.remove = 1;
    const approvals = this.ask(`select count(*) as n from decision where shot_id = '${shot.id}' and verdict = 'approve'`)[0].n;
    if (approvals !== 1) this.toll.wrong.push(`${shot.name}: ${approvals} approvals of one`);
  }

  private async job(shot: Shot, kind: string): Promise<void> {
    await this.waitFor(`the ${kind} job of ${shot.name}`, () => {
      const row = this.ask(`select state, error from job where shot_id = '${shot.id}' and kind = '${kind}'`)[0];
      if (row?.state === 'failed' || row?.state === 'cancelled') throw new Error(`${shot.name}: ${kind} is ${row.state}: ${row.error}`);
      return row?.state === 'done';
    });
  }

  /** Until no job is open. */
  private async quiet(): Promise<void> {
    await this.waitFor('the queue to be empty', () => this.ask("select 1 from job where state in ('queued', 'running')").length === 0);
  }

  private async waitFor(what: string, is: () => boolean): Promise<void> {
    const end = Date.now() + MOST_WAIT_MS;
    while (!is()) {
      if (Date.now() > end) {
        const jobs = this.ask('select kind, state, attempt, step, error from job order by created_at desc limit 3');
        throw new Error(`waited in vain for ${what}: ${JSON.stringify(jobs)}`);
      }
      await sleep(200);
    }
  }

  /** Tries until the server stays long enough to do it. */
  private async until(work: () => Promise<void>): Promise<void> {
    const end = Date.now() + MOST_WAIT_MS;
    for (;;) {
      try {
        await work();
        return;
      } catch (error) {
        if (!(error instanceof Gone) || Date.now() > end) throw error;
        await sleep(50);
      }
    }
  }

  /** Rows against bytes, and each job against what was asked. */
  private look(isWhole: boolean): void {
    const { wrong, unreferenced, rows } = audit(this.dataDir, isWhole);
    this.toll.audits += 1;
    for (const { name, id, asked } of this.shots) {
      if (id === '') continue;
      for (const [kind, due] of Object.entries(asked)) {
        const jobs = this.ask(`select state from job where shot_id = '${id}' and kind = '${kind}'`);
        const done = jobs.filter((job) => job.state === 'done').length;
        if (jobs.length !== due || done !== due) wrong.push(`${name}: ${jobs.length} ${kind} jobs, ${done} of them done, ${due} asked for`);
      }
    }
    const names = this.ask('select count(*) as n from shot')[0].n;
    const due = this.shots.filter((shot) => shot.id !== '').length;
    if (names !== due) wrong.push(`${names} shots of ${due} plates`);
    this.toll.wrong.push(...wrong.map((words) => `lane ${this.at}, after kill ${this.toll.kills.length}: ${words}`));
    if (isWhole) {
      this.toll.unreferenced = Math.max(this.toll.unreferenced, unreferenced);
      for (const [table, n] of Object.entries(rows)) this.toll.rows[table] = Math.max(this.toll.rows[table] ?? 0, n);
    }
  }

  /** An audit that cannot fail would prove nothing; this leaves the data damaged. */
  noticesDamage(): void {
    const { hash } = this.ask('select result as hash from version limit 1')[0];
    const text = String(hash);
    appendFileSync(join(this.dataDir, 'blobs', text.slice(0, 2), text.slice(2, 4), text), 'x');
    // Decisions are kept by a trigger, which whoever has the file can take away.
    change(this.dataDir, "drop trigger decision_is_not_changed; update decision set note = 'another'; delete from version where n = 1; update job set state = 'failed' where kind = 'segment'");
    const said = audit(this.dataDir, true).wrong.join('\n');
    for (const words of ['holds other bytes', 'its row says', 'was changed after', 'made no version', 'a segment job is failed']) {
      expect(said).toContain(words);
    }
  }

  private ask(sql: string) {
    return ask(this.dataDir, sql);
  }
}

/** The worker process that a server started, while there is one. */
function workerOf(server: Server): number | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // pid (name) state parent …
      const parent = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop()?.split(' ')[1];
      if (Number(parent) === server.process.pid) return Number(pid);
    } catch {
      // It ended while we looked.
    }
  }
  return undefined;
}

/** Whether a mark is of a step of a removal that computes. */
function isStep({ place }: Mark): boolean {
  return STEPS.some((step) => step === place);
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
