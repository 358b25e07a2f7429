// Clips with a number burnt into every picture, and reading it back from pixels. What is done with the clips is in the proofs.
//
// The code is a row of 20 cells: white, black, 12 bits of the picture's number, 6 bits of check sum. It stands near the top,
// and turned round (black for white) near the bottom, so that a picture made of two frames is noticed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

export const WIDTH = 320;
export const HEIGHT = 180;
const CELLS = 20;
const CELL = WIDTH / CELLS;
/** First line and height of each row of cells. */
const TOP = 8;
const BOTTOM = HEIGHT - 40;
const TALL = 32;
/** Lines through the middle of the two rows. */
export const LINES = [TOP + TALL / 2, BOTTOM + TALL / 2] as const;

/** Six bits that differ for numbers that are near each other or have their bits moved. */
function check(number: number): number {
  let sum = 0b101101;
  for (let bit = 11; bit >= 0; bit -= 1) {
    const top = ((sum >> 5) ^ (number >> bit)) & 1;
    sum = ((sum << 1) & 0b111111) ^ (top ? 0b000011 : 0);
  }
  return sum;
}

function cells(number: number): boolean[] {
  const bits = (value: number, count: number) => Array.from({ length: count }, (_, at) => ((value >> (count - 1 - at)) & 1) === 1);
  return [true, false, ...bits(number, 12), ...bits(check(number), 6)];
}

/** One gray picture: the number twice over a pattern that moves with it. */
function picture(number: number): Buffer {
  const pixels = Buffer.alloc(WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      pixels[y * WIDTH + x] = 60 + ((x + y * 2 + number * 5) & 127);
    }
  }
  cells(number).forEach((is_white, at) => {
    for (let y = 0; y < TALL; y += 1) {
      const row = (first: number, white: boolean) =>
        pixels.fill(white ? 235 : 16, (first + y) * WIDTH + at * CELL, (first + y) * WIDTH + (at + 1) * CELL);
      row(TOP, is_white);
      row(BOTTOM, !is_white);
    }
  });
  return pixels;
}

/** What a line of `WIDTH` gray values says; `undefined` when it is no number. */
function read(line: ArrayLike<number>, turned: boolean): number | undefined {
  const level = (at: number) => {
    let sum = 0;
    for (let x = 5; x < CELL - 5; x += 1) sum += line[at * CELL + x];
    return sum / (CELL - 10);
  };
  const [white, black] = turned ? [level(1), level(0)] : [level(0), level(1)];
  if (white - black < 80) return undefined;
  let number = 0;
  let sum = 0;
  for (let at = 2; at < CELLS; at += 1) {
    const part = (level(at) - black) / (white - black);
    if (part > 0.35 && part < 0.65) return undefined;
    const bit = part > 0.5 !== turned ? 1 : 0;
    if (at < 14) number = number * 2 + bit;
    else sum = sum * 2 + bit;
  }
  return sum === check(number) ? number : undefined;
}

/** The number on a picture, from its two lines at `LINES`; `undefined` when they say none or not the same. */
export function numberOf(lines: readonly ArrayLike<number>[]): number | undefined {
  const [above, below] = [read(lines[0], false), read(lines[1], true)];
  return above === below ? above : undefined;
}

export type Burnt = {
  name: string;
  file: string;
  /** Frames per second as a fraction. */
  rate: [number, number];
  /** Timecode of the first frame, where the file names one. */
  start?: string;
  about: string;
  frames: number;
};

type Kind = Omit<Burnt, 'frames'> & { codec: string[]; variable?: boolean };

const H264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-crf', '20', '-bf', '3', '-g', '48'];
const HEVC = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:bframes=3', '-pix_fmt', 'yuv420p10le'];
const PRORES = ['-c:v', 'prores_ks', '-profile:v', '1', '-pix_fmt', 'yuv422p10le'];
const DNXHR = ['-c:v', 'dnxhd', '-profile:v', 'dnxhr_lb', '-pix_fmt', 'yuv422p'];

/** Every rate, and a spread of codecs and containers over them. */
const KINDS: Kind[] = [
  { name: 'r12', file: 'r12.mp4', rate: [12, 1], codec: H264, about: 'H.264 with B-frames, MP4' },
  { name: 'r23976', file: 'r23976.mov', rate: [24000, 1001], start: '01:00:00:00', codec: PRORES, about: 'ProRes, MOV' },
  { name: 'r24', file: 'r24.mkv', rate: [24, 1], codec: H264, about: 'H.264 with B-frames, MKV' },
  { name: 'r25', file: 'r25.mxf', rate: [25, 1], start: '10:00:00:00', codec: DNXHR, about: 'DNxHR, MXF' },
  // Over a minute that drops two labels.
  { name: 'r2997', file: 'r2997.mov', rate: [30000, 1001], start: '00:08:58;20', codec: H264, about: 'H.264 with B-frames, MOV' },
  // No timecode: counted from zero, drop-frame.
  { name: 'r2997b', file: 'r2997b.mkv', rate: [30000, 1001], codec: H264, about: 'H.264 with B-frames, MKV' },
  { name: 'r30', file: 'r30.mkv', rate: [30, 1], codec: ['-c:v', 'ffv1', '-level', '3', '-pix_fmt', 'yuv420p'], about: 'FFV1, MKV' },
  { name: 'r50', file: 'r50.mp4', rate: [50, 1], codec: HEVC, about: 'HEVC 10-bit with B-frames, MP4' },
  // Over a tenth minute, which drops nothing, and at the end of a minute that drops four.
  { name: 'r5994', file: 'r5994.mov', rate: [60000, 1001], start: '00:08:59;30', codec: H264, about: 'H.264 with B-frames, MOV' },
  { name: 'variable', file: 'variable.mkv', rate: [24, 1], codec: H264, variable: true, about: 'variable rate, H.264, MKV' },
];

/** Makes the clips in `folder`, each with `frames` pictures. */
export async function makeBurnt(folder: string, frames: number): Promise<Burnt[]> {
  const pictures = Array.from({ length: frames }, (_, number) => picture(number));
  const made: Burnt[] = [];
  for (const { codec, variable, ...clip } of KINDS) {
    // Every third picture comes late by a third of its time: no constant rate fits, the average stays.
    const uneven = variable ? ['-vf', "setpts='PTS+if(eq(mod(N,3),1),0.34,0)/(24*TB)'", '-fps_mode', 'vfr', '-enc_time_base', '1/1000'] : [];
    await ffmpeg(pictures, [
      ...['-f', 'rawvideo', '-pixel_format', 'gray', '-video_size', `${WIDTH}x${HEIGHT}`, '-framerate', clip.rate.join('/'), '-i', '-'],
      ...uneven,
      ...codec,
      ...(clip.start === undefined ? [] : ['-timecode', clip.start]),
      `${folder}/${clip.file}`,
    ]);
    made.push({ ...clip, frames });
  }
  return made;
}

async function ffmpeg(pictures: Buffer[], args: string[]): Promise<void> {
  const child = spawn('ffmpeg', ['-y', '-v', 'error', ...args], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => (said += String(text)));
  child.stdin.on('error', () => undefined); // it is told by the exit status
  const exit = once(child, 'exit');
  for (const pixels of pictures) {
    if (!child.stdin.write(pixels)) await Promise.race([once(child.stdin, 'drain'), exit]);
  }
  child.stdin.end();
  const [status] = await exit;
  if (status !== 0) throw new Error(`ffmpeg failed (${status}) with ${args.join(' ')}: ${said}`);
}
