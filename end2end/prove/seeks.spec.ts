// Wrong frames in random seeks, steps and stretches of playing over all rates: `cargo xtask prove seeks`. The number in the
// pixels of the canvas is compared with what the page says and with what was asked, with and without a secure context.

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from '@playwright/test';
import { type Burnt, HEIGHT, LINES, WIDTH, makeBurnt, numberOf } from '../lib/burnt';
import { becomeOwner, makeProject, signInOwner } from '../lib/people';
import { FIRST_FRAME, Player, type Sample, prepare } from '../lib/player';
import { proving } from '../lib/place';
import { chance, count, record, seed } from '../lib/proof';
import { type Origin, Server } from '../lib/server';
import { expect, listen, test } from '../lib/test';

test.describe.configure({ timeout: proving ? 0 : 600_000 });

/** Pictures per clip; more than the player keeps decoded. */
const FRAMES = proving ? 600 : 72;
/** A small window paints faster; what is checked does not depend on it. */
const VIEWPORT = { width: 1100, height: 680 };
/** Every so many checks the composed page is photographed too. */
const PHOTO_EVERY = 40;
const MOST_NOTES = 20;

type Tally = { checks: number; wrong: number; playing_samples: number; playing_wrong: number; loop_wraps: number };
type Figures = Tally & {
  photographs: number;
  photographs_wrong: number;
  /** Frames by which the number in the page was ahead of the picture while playing, and how often. */
  playing_ahead: Record<string, number>;
  by_action: Record<string, number>;
  rates: Record<string, Tally & { about: string; frames: number }>;
  notes: string[];
};

const ORIGINS: Origin[] = ['localhost', 'studio.test'];

const blank = (): Tally => ({ checks: 0, wrong: 0, playing_samples: 0, playing_wrong: 0, loop_wraps: 0 });

test('the frame on the canvas is the frame that was asked for', async ({ browser }) => {
  const folder = mkdtempSync(join(tmpdir(), 'minus-one-seeks-'));
  const clips = await makeBurnt(folder, FRAMES);
  const total = count(80, 10_000);
  const origins: Record<string, Figures> = {};
  const servers = [await Server.start({ dataDir: join(folder, 'data') })];
  try {
    await ingest(browser, servers[0], clips);
    // Both origins at once, each from a server of its own over the same plates: one page keeps one core busy.
    await servers[0].stop();
    cpSync(join(folder, 'data'), join(folder, 'data-lan'), { recursive: true });
    const started = ORIGINS.map((origin, at) => {
      const dataDir = join(folder, at === 0 ? 'data' : 'data-lan');
      return Server.start({ dataDir, origin, worker: false });
    });
    servers.splice(0, 1, ...(await Promise.all(started)));
    const watched = ORIGINS.map((origin, at) => {
      origins[origin] = newFigures();
      // In the short form each clip is opened at one of the origins only.
      const here = clips.filter((_, clip) => proving || clip % ORIGINS.length === at);
      return watch(browser, servers[at], origin, here, portion(total, at, ORIGINS.length), origins[origin]);
    });
    await Promise.all(watched);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    record(summary(origins));
  }
  const figures = summary(origins);
  expect(Object.values(origins).flatMap((f) => f.notes), 'wrong frames').toEqual([]);
  expect(figures.checks).toBe(total);
  expect([figures.wrong, figures.playing_wrong, figures.photographs_wrong]).toEqual([0, 0, 0]);
});

/** Part `at` of `total` in `parts` nearly equal whole numbers. */
function portion(total: number, at: number, parts: number): number {
  return Math.floor((total * (at + 1)) / parts) - Math.floor((total * at) / parts);
}

function newFigures(): Figures {
  return { ...blank(), photographs: 0, photographs_wrong: 0, playing_ahead: {}, by_action: {}, rates: {}, notes: [] };
}

function summary(origins: Record<string, Figures>) {
  const sum = (of: (figures: Figures) => number) => Object.values(origins).reduce((before, figures) => before + of(figures), 0);
  return {
    seed,
    checks: sum((f) => f.checks),
    wrong: sum((f) => f.wrong),
    playing_samples: sum((f) => f.playing_samples),
    playing_wrong: sum((f) => f.playing_wrong),
    loop_wraps: sum((f) => f.loop_wraps),
    photographs: sum((f) => f.photographs),
    photographs_wrong: sum((f) => f.photographs_wrong),
    origins,
  };
}

/** Uploads the clips through the page and waits until all are read. */
async function ingest(browser: Browser, server: Server, clips: Burnt[]): Promise<void> {
  const context = await browser.newContext({ baseURL: server.baseURL });
  const page = await context.newPage();
  await becomeOwner(page);
  await makeProject(page, 'Seeks');
  await page.getByLabel('Plates').first().setInputFiles(clips.map((clip) => join(server.dataDir, '..', clip.file)));
  await expect(page.locator('.card[data-phase="ready"]')).toHaveCount(clips.length, { timeout: proving ? 600_000 : 90_000 });
  await context.close();
}

async function watch(
  browser: Browser,
  server: Server,
  origin: Origin,
  clips: Burnt[],
  checks: number,
  figures: Figures,
): Promise<void> {
  const context = await browser.newContext({ baseURL: server.baseURL, viewport: VIEWPORT });
  // Opened before the page that is watched: a browser may paint a page behind another once a second only.
  const darkroom = await context.newPage();
  const page = await context.newPage();
  const said: string[] = [];
  listen(page, (text) => said.push(text));
  await prepare(page);
  await signInOwner(page);
  // Plain http under another name gives no secure context, and browsers keep WebCodecs to those.
  const has = await page.evaluate(() => [window.isSecureContext, typeof VideoDecoder !== 'undefined']);
  expect(has).toEqual(origin === 'localhost' ? [true, true] : [false, false]);
  await page.getByRole('link', { name: 'Seeks' }).first().click();
  await page.waitForURL(/\/projects\/[0-9a-f-]+$/);
  const board = new URL(page.url()).pathname;

  const random = chance(seed + (origin === 'localhost' ? 0 : 1_000_003));
  for (const [at, clip] of clips.entries()) {
    await page.getByRole('link', { name: clip.name, exact: true }).click();
    // The step without marks over the picture.
    await page.getByRole('navigation', { name: 'Steps' }).getByRole('link', { name: /Removal/ }).click();
    await page.locator('.shot[data-tab="removal"] .stage__picture[data-frame]').waitFor();
    const play = new Session(new Player(page, clip), figures, random, darkroom);
    await play.run(portion(checks, at, clips.length));
    const rate = `${clip.rate[1] === 1 ? clip.rate[0] : clip.rate.join('/')}${clip.name === 'variable' ? ' variable' : ''}`;
    const before = figures.rates[rate] ?? { ...blank(), about: '', frames: 0 };
    const about = [before.about, clip.about].filter(Boolean).join('; ');
    const added = Object.fromEntries(Object.entries(play.tally).map(([key, value]) => [key, value + before[key as keyof Tally]]));
    figures.rates[rate] = { ...(added as Tally), about, frames: before.frames + clip.frames };
    for (const key of Object.keys(play.tally) as (keyof Tally)[]) figures[key] += play.tally[key];
    await page.locator(`a[href="${board}"]`).first().click();
    await page.waitForURL(`**${board}`);
  }
  expect(said, 'warnings and errors in the browser console').toEqual([]);
  await context.close();
}

/** One clip under one person's hands. */
class Session {
  readonly tally = blank();

  constructor(
    private readonly player: Player,
    private readonly figures: Figures,
    private readonly random: () => number,
    private readonly darkroom: Page,
  ) {}

  /** Acts and looks until `checks` settled pages were compared. */
  async run(checks: number): Promise<void> {
    await this.compare('open');
    // A comparison that cannot fail would prove nothing.
    expect(this.player.wrong(await this.player.settled(), this.player.frame + 1)).toHaveLength(9);
    const kinds = Object.entries(ACTIONS).flatMap(([name, { weight }]) => Array<string>(weight).fill(name));
    while (this.tally.checks < checks) {
      const name = kinds[this.below(kinds.length)];
      await ACTIONS[name].act(this, this.player);
      await this.compare(name);
    }
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  part(): number {
    return this.random();
  }

  private note(action: string, words: string): void {
    const { clip } = this.player;
    if (this.figures.notes.length < MOST_NOTES) this.figures.notes.push(`${clip.name}, ${action}: ${words}`);
  }

  async compare(action: string): Promise<void> {
    const asked = this.player.frame;
    const sight = await this.player.settled();
    const wrong = this.player.wrong(sight, asked);
    this.tally.checks += 1;
    this.figures.by_action[action] = (this.figures.by_action[action] ?? 0) + 1;
    if (wrong.length > 0) {
      this.tally.wrong += 1;
      this.note(action, wrong.join(', '));
      // So that one wrong frame is counted once.
      this.player.frame = sight.wanted;
    }
    if (this.tally.checks % PHOTO_EVERY === 1) await this.photograph(action);
  }

  /** What a person would see: the composed page, not the canvas. */
  private async photograph(action: string): Promise<void> {
    const { page, frame } = this.player;
    const png = await picture(page.locator('.stage'));
    const lines = await this.darkroom.evaluate(
      async ([data, width, height, wanted]) => {
        const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
        const photo = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
        const own = new OffscreenCanvas(width, height).getContext('2d')!;
        const scale = Math.min(photo.width / width, photo.height / height);
        const [w, h] = [width * scale, height * scale];
        own.imageSmoothingEnabled = false;
        own.drawImage(photo, (photo.width - w) / 2, (photo.height - h) / 2, w, h, 0, 0, width, height);
        return wanted.map((y) => {
          const rgba = own.getImageData(0, y, width, 1).data;
          return Array.from({ length: width }, (_, x) => rgba[x * 4 + 1]);
        });
      },
      [png.toString('base64'), WIDTH, HEIGHT, LINES] as const,
    );
    this.figures.photographs += 1;
    const got = numberOf(lines);
    if (got !== frame) {
      this.figures.photographs_wrong += 1;
      this.note(action, `photograph shows ${got}, not ${frame}`);
    }
  }

  /** Plays with `keys` for a while, watching, and stops; where it stopped is the page's to say, and has to be in range. */
  async watchPlaying(keys: string[], ms: number): Promise<void> {
    const { player } = this;
    const [low, high] = [player.low, player.high];
    for (const key of keys) await player.page.keyboard.press(key);
    const samples = await player.samples(ms);
    await player.page.keyboard.press('k');
    this.judge(samples, keys, low, high);
    const end = await player.settled();
    player.frame = end.wanted;
    if (!(end.wanted >= low && end.wanted <= high)) {
      this.tally.playing_wrong += 1;
      this.note(keys.join(' '), `stopped at ${end.wanted}, outside of ${low} to ${high}`);
    }
  }

  private judge(samples: Sample[], keys: string[], low: number, high: number): void {
    const length = high - low + 1;
    const forwards = keys[0] === 'l';
    const [pictures, seconds] = this.player.clip.rate;
    // Each press doubles the speed.
    const perMs = (pictures / seconds / 1000) * 2 ** (keys.length - 1);
    let before: number | undefined;
    let last: Sample | undefined;
    for (const sight of samples) {
      const { burnt } = sight;
      this.tally.playing_samples += 1;
      const said = sight.number === String(FIRST_FRAME + sight.wanted) && sight.timecode === this.player.label(sight.wanted);
      let wrong = burnt === undefined || burnt !== sight.painted || !said;
      const inside = burnt !== undefined && burnt >= low && burnt <= high;
      if (before !== undefined && burnt !== undefined) {
        // Once it plays within in and out it stays there, and pictures come in order, but for the jump at the loop's end.
        wrong ||= !inside;
        const by = forwards ? burnt - before : before - burnt;
        if (by < 0) {
          // Back by less than half the range is the loop's end too where that much time went by between two looks; the
          // picture before may have been late by what the page was ahead of it then.
          const late = last === undefined ? 0 : Math.abs(last.wanted - last.painted);
          const possible = last === undefined ? 0 : (sight.at - last.since) * perMs * 1.25 + late + 3;
          if (-by * 2 > length || length < 40 || length + by <= possible) this.tally.loop_wraps += 1;
          else wrong = true;
        }
      }
      const ahead = forwards ? sight.wanted - sight.painted : sight.painted - sight.wanted;
      const lag = String(((ahead % length) + length) % length);
      this.figures.playing_ahead[lag] = (this.figures.playing_ahead[lag] ?? 0) + 1;
      if (wrong) {
        this.tally.playing_wrong += 1;
        const from = last === undefined ? '' : `, ${last.burnt} at most ${Math.round(sight.at - last.since)} ms before`;
        const words = `number ${sight.number}, timecode ${sight.timecode}, in ${low} to ${high}${from}`;
        this.note(keys.join(' '), `playing: pixels ${burnt}, canvas ${sight.painted}, ${words}`);
      }
      if (inside) [before, last] = [burnt, sight];
    }
  }
}

/** Takes it again where the browser could not: under load it sometimes has no surface to take it from. */
async function picture(of: Locator): Promise<Buffer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await of.screenshot();
    } catch (error) {
      if (tries === 5 || !String(error).includes('Unable to capture screenshot')) throw error;
      await of.page().waitForTimeout(500);
    }
  }
}

type Action = { weight: number; act: (session: Session, player: Player) => Promise<void> };

const ACTIONS: Record<string, Action> = {
  type_number: {
    weight: 12,
    act: async (session, player) => {
      const frame = session.below(player.clip.frames);
      const text = `${session.below(4) === 0 ? 'f' : ''}${FIRST_FRAME + frame}`;
      await player.type(session.below(3) === 0 ? 'Timecode' : 'Frame', text, frame);
    },
  },
  type_timecode: {
    weight: 10,
    act: async (session, player) => {
      const frame = session.below(player.clip.frames);
      await player.type(session.below(3) === 0 ? 'Frame' : 'Timecode', player.label(frame), frame);
    },
  },
  type_offset: {
    weight: 5,
    act: async (session, player) => {
      const frame = session.below(player.clip.frames);
      const by = frame - player.frame;
      await player.type('Frame', by < 0 ? String(by) : `+${by}`, frame);
    },
  },
  timeline_press: { weight: 14, act: (session, player) => player.point(session.part()) },
  timeline_drag: { weight: 8, act: (session, player) => player.point(session.part(), session.part()) },
  step: { weight: 16, act: (session, player) => player.press(session.below(2) === 0 ? 'ArrowLeft' : 'ArrowRight') },
  jump_ten: { weight: 8, act: (session, player) => player.press(session.below(2) === 0 ? 'Shift+ArrowLeft' : 'Shift+ArrowRight') },
  // Nobody waits for each picture: the last one has to win.
  burst: {
    weight: 6,
    act: async (session, player) => {
      const keys = ['ArrowLeft', 'ArrowRight', 'Shift+ArrowLeft', 'Shift+ArrowRight'];
      await player.press(keys[session.below(keys.length)], 2 + session.below(9));
    },
  },
  button: {
    weight: 5,
    act: (session, player) => {
      const labels = ['One frame back', 'One frame on', 'First frame', 'Last frame'] as const;
      return player.button(labels[session.below(labels.length)]);
    },
  },
  home_end: { weight: 4, act: (session, player) => player.press(session.below(2) === 0 ? 'Home' : 'End') },
  mark: { weight: 4, act: (session, player) => player.press(['i', 'o', 'Shift+I'][session.below(3)]) },
  shuttle: {
    weight: 4,
    act: async (session) => {
      const key = session.below(2) === 0 ? 'j' : 'l';
      await session.watchPlaying(Array<string>(1 + session.below(4)).fill(key), 120 + session.below(200));
    },
  },
  loop: {
    weight: 3,
    act: async (session, player) => {
      const low = session.below(player.clip.frames - 12);
      await player.press('Shift+I');
      await player.type('Frame', String(FIRST_FRAME + low), low);
      await player.press('i');
      const length = 4 + session.below(7);
      await player.type('Frame', `+${length}`, low + length);
      await player.press('o');
      await session.watchPlaying([session.below(2) === 0 ? 'l' : 'j'], 500);
      if (session.below(2) === 0) await player.press('Shift+I');
    },
  },
};
