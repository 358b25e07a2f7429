// The four public real shots beside the checkout, and what is done to each: clicks, a brush dab, what else is affected.
// They are never part of the project; what needs them skips where they are not.

import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './place';

const samples = join(root, '../shared/samples');

export type At = { frame: number; x: number; y: number };

export type RealShot = {
  name: string;
  width: number;
  height: number;
  frames: number;
  /** What is removed. */
  target: string;
  /** Clicks in plate pixels. */
  clicks: At[];
  /** One more dab on a frame that needs it. */
  dab: At;
  cause: {
    name: string;
    consequence: 'vanish' | 'stay' | 'react';
    /** From and to as shares of the picture. */
    cells: [number, number, number, number];
    /** For `react`: where it goes, as shares of the picture. */
    path?: At[];
  };
};

/** The clicks that came with a shot. */
function given(name: string): At[] {
  const info = join(samples, name, 'segmentation_info.json');
  if (!existsSync(info)) return [];
  const byFrame = JSON.parse(readFileSync(info, 'utf8')).points_by_frame as Record<string, [number, number][]>;
  return Object.entries(byFrame).flatMap(([frame, points]) => points.map(([x, y]) => ({ frame: Number(frame), x, y })));
}

const UHD = { width: 3840, height: 2160 };

const SHOTS: RealShot[] = [
  {
    name: 'ducky-float',
    width: 1296,
    height: 720,
    frames: 62,
    target: 'Press',
    clicks: given('ducky-float'),
    dab: { frame: 24, x: 520, y: 215 },
    cause: { name: 'Duck', consequence: 'stay', cells: [0.2, 0.3, 0.6, 0.95] },
  },
  {
    name: 'pillow',
    ...UHD,
    frames: 62,
    target: 'Kettlebell',
    clicks: given('pillow'),
    dab: { frame: 30, x: 1480, y: 760 },
    cause: { name: 'Pillow', consequence: 'stay', cells: [0.02, 0.36, 0.52, 0.95] },
  },
  {
    name: 'moving_ball',
    ...UHD,
    frames: 62,
    target: 'Duck',
    clicks: [
      { frame: 0, x: 2920, y: 800 },
      { frame: 0, x: 2900, y: 900 },
      { frame: 0, x: 3010, y: 880 },
    ],
    dab: { frame: 20, x: 2960, y: 950 },
    cause: {
      name: 'Ball',
      consequence: 'react',
      cells: [0.68, 0.2, 0.84, 0.45],
      path: [
        { frame: 0, x: 0.295, y: 0.375 },
        { frame: 10, x: 0.72, y: 0.345 },
        { frame: 16, x: 0.86, y: 0.4 },
        { frame: 24, x: 0.97, y: 0.6 },
      ],
    },
  },
  {
    name: 'lime',
    ...UHD,
    frames: 46,
    target: 'Glass',
    clicks: given('lime'),
    dab: { frame: 20, x: 2450, y: 2000 },
    cause: { name: 'Reflection on the table', consequence: 'vanish', cells: [0.46, 0.86, 0.8, 0.99] },
  },
];

/** Those of the shots that are on this machine. */
export const realShots = SHOTS.filter((shot) => existsSync(join(samples, shot.name, 'input_video.mp4')));

/** The plate under its shot's name, in `folder`: as given, all four are called `input_video.mp4`. */
export function plateIn(folder: string, shot: RealShot): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${shot.name}.mp4`);
  if (!existsSync(path)) symlinkSync(join(samples, shot.name, 'input_video.mp4'), path);
  return path;
}
