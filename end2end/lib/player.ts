// The player as a person uses it, a model of what was asked of it, and what the page shows. What is made of it is in the proofs.

import type { Page } from '@playwright/test';
import { type Burnt, HEIGHT, LINES, WIDTH, numberOf } from './burnt';
import { labels } from './timecode';

export const FIRST_FRAME = 1001;

/** Everything on the page that says which frame it is, at one moment. */
export type Sight = {
  /** When it was seen, milliseconds of the page's clock. */
  at: number;
  /** The number in the pixels of the canvas; `undefined` when they hold none. */
  burnt: number | undefined;
  /** What the canvas says it holds, and what it is to hold. */
  painted: number;
  wanted: number;
  /** Words over the picture: loading, missing. */
  state: string;
  number: string;
  timecode: string;
  count: string;
  label: string;
  slider: string;
  sliderText: string;
  /** Left edge and width of the timeline. */
  track: [number, number];
};

/** A look while it plays. The page chose its frame between `since`, the look before, and `at`: a process that got no time in
 * between, and these share two cores with whatever else runs, may have chosen it long before it was looked at. */
export type Sample = Sight & { since: number };

type RawSight = Omit<Sight, 'burnt'> & { lines: number[][] };

/** Runs in the page: `minusOneLook()` reads everything at once, the pixels from the canvas itself. */
function installLook([width, height, lines]: readonly [number, number, readonly number[]]): void {
  const own = document.createElement('canvas');
  [own.width, own.height] = [width, height];
  const context = own.getContext('2d', { willReadFrequently: true })!;
  const look = (): RawSight => {
    const canvas = document.querySelector<HTMLCanvasElement>('.stage__picture')!;
    // The plate fits the stage, in its middle.
    const scale = Math.min(canvas.width / width, canvas.height / height);
    const [w, h] = [width * scale, height * scale];
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h, 0, 0, width, height);
    const line = (y: number) => {
      const rgba = context.getImageData(0, y, width, 1).data;
      return Array.from({ length: width }, (_, x) => rgba[x * 4 + 1]);
    };
    const value = (selector: string) => document.querySelector<HTMLInputElement>(selector)?.value ?? '';
    const slider = document.querySelector('.timeline__track')!;
    const box = slider.getBoundingClientRect();
    return {
      at: performance.now(),
      painted: Number(canvas.dataset.frame ?? -1),
      wanted: Number(canvas.dataset.wanted ?? -1),
      state: document.querySelector('.stage__state')?.textContent ?? '',
      number: value('.transport__frame input'),
      timecode: value('.transport__timecode input'),
      count: document.querySelector('.transport__count')?.lastChild?.textContent ?? '',
      label: canvas.getAttribute('aria-label') ?? '',
      slider: slider.getAttribute('aria-valuenow') ?? '',
      sliderText: slider.getAttribute('aria-valuetext') ?? '',
      track: [box.left, box.width],
      lines: lines.map(line),
    };
  };
  Object.assign(globalThis, { minusOneLook: look });
}

declare const minusOneLook: () => RawSight;

function seen({ lines, ...rest }: RawSight): Sight {
  return { ...rest, burnt: numberOf(lines) };
}

/** Call it before the first page is opened. */
export async function prepare(page: Page): Promise<void> {
  await page.addInitScript(installLook, [WIDTH, HEIGHT, LINES] as const);
}

export class Player {
  /** What was asked, by the rules of the key sheet. */
  frame = 0;
  markIn: number | undefined;
  markOut: number | undefined;
  private track: [number, number] = [0, 1];
  private readonly labels: string[];

  constructor(
    readonly page: Page,
    readonly clip: Burnt,
  ) {
    this.labels = labels(clip.rate, clip.start, clip.frames);
  }

  get last(): number {
    return this.clip.frames - 1;
  }

  get low(): number {
    return this.markIn ?? 0;
  }

  get high(): number {
    return this.markOut ?? this.last;
  }

  label(frame: number): string {
    return this.labels[frame];
  }

  /** Waits until the page says that the wanted frame is on the canvas, and looks then. */
  async settled(): Promise<Sight> {
    const raw = await this.page.evaluate(async () => {
      const next = () => new Promise((done) => requestAnimationFrame(done));
      await next();
      let sight = minusOneLook();
      for (let tries = 0; tries < 600 && (sight.painted !== sight.wanted || sight.state !== ''); tries += 1) {
        await next();
        sight = minusOneLook();
      }
      return sight;
    });
    this.track = raw.track;
    return seen(raw);
  }

  /** What is seen on the page's own refreshes for a while. */
  async samples(ms: number): Promise<Sample[]> {
    const raw = await this.page.evaluate(async (length) => {
      const found: (RawSight & { since: number })[] = [];
      let since = performance.now();
      const end = since + length;
      while (performance.now() < end) {
        await new Promise((done) => requestAnimationFrame(done));
        const sight = minusOneLook();
        found.push({ ...sight, since });
        since = sight.at;
      }
      return found;
    }, ms);
    return raw.map(({ since, ...sight }) => ({ ...seen(sight), since }));
  }

  /** What is wrong with a settled page on which `asked` should be seen; empty when nothing is. */
  wrong(sight: Sight, asked: number): string[] {
    const number = String(FIRST_FRAME + asked);
    const pairs: [string, unknown, unknown][] = [
      ['pixels', sight.burnt, asked],
      ['painted', sight.painted, asked],
      ['wanted', sight.wanted, asked],
      ['words over the picture', sight.state, ''],
      ['frame field', sight.number, number],
      ['timecode', sight.timecode, this.label(asked)],
      ['count', sight.count.split(' · ')[0], `· ${asked + 1} of ${this.clip.frames}`],
      ['label of the picture', sight.label.split(', frame ')[1], number],
      ['timeline', sight.slider, number],
      ['words of the timeline', sight.sliderText, `frame ${number}, ${this.label(asked)}`],
    ];
    return pairs.filter(([, got, due]) => got !== due).map(([what, got, due]) => `${what}: ${got}, not ${due}`);
  }

  /** Types into the frame or the timecode field; either understands both. */
  async type(field: 'Frame' | 'Timecode', text: string, leadsTo: number): Promise<void> {
    const input = this.page.getByLabel(`${field}: type a frame number`);
    await input.fill(text);
    await input.press('Enter');
    this.frame = leadsTo;
  }

  async press(key: string, times = 1): Promise<void> {
    for (let time = 0; time < times; time += 1) await this.page.keyboard.press(key);
    const step = { ArrowLeft: -1, ArrowRight: 1, 'Shift+ArrowLeft': -10, 'Shift+ArrowRight': 10 }[key];
    if (step !== undefined) this.frame = this.held(this.frame + step * times);
    if (key === 'i') this.setIn();
    if (key === 'o') this.setOut();
    if (key === 'Shift+I') this.markIn = this.markOut = undefined;
    if (key === 'End') this.frame = this.frame < this.high ? this.high : this.last;
    if (key === 'Home') this.frame = this.frame > this.low ? this.low : 0;
  }

  async button(label: 'One frame back' | 'One frame on' | 'First frame' | 'Last frame'): Promise<void> {
    await this.page.getByRole('button', { name: label }).click();
    if (label === 'One frame back') this.frame = this.held(this.frame - 1);
    if (label === 'One frame on') this.frame = this.held(this.frame + 1);
    if (label === 'First frame') this.frame = this.frame > this.low ? this.low : 0;
    if (label === 'Last frame') this.frame = this.frame < this.high ? this.high : this.last;
  }

  /** Presses on the timeline at a part of its width and, with `to`, drags on to another. */
  async point(part: number, to?: number): Promise<void> {
    const [left, width] = this.track;
    const at = (p: number) => Math.min(Math.floor(left + p * width), Math.ceil(left + width) - 1);
    const slider = this.page.getByRole('slider', { name: 'Playhead' });
    const box = (await slider.boundingBox())!;
    await this.page.mouse.move(at(part), box.y + 8);
    await this.page.mouse.down();
    if (to !== undefined) await this.page.mouse.move(at(to), box.y + 8, { steps: 6 });
    await this.page.mouse.up();
    const under = Math.min(Math.max((at(to ?? part) - left) / width, 0), 1);
    this.frame = Math.min(Math.floor(under * this.clip.frames), this.last);
  }

  private held(frame: number): number {
    return Math.min(Math.max(frame, 0), this.last);
  }

  private setIn(): void {
    this.markIn = this.frame;
    if (this.markOut !== undefined && this.markOut < this.frame) this.markOut = undefined;
  }

  private setOut(): void {
    this.markOut = this.frame;
    if (this.markIn !== undefined && this.markIn > this.frame) this.markIn = undefined;
  }
}
