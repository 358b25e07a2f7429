// Plates that tests make for themselves with FFmpeg's command line.

import { execFileSync } from 'node:child_process';

export type Clip = { path: string; width: number; height: number; frames: number };

/**
 * A red square that moves right by 6 pixels a frame over a textured wall: the target is at (40 + 6·frame, 70), 44 pixels wide.
 * `scale` enlarges all of it.
 */
export function movingSquare(path: string, frames = 20, scale = 1): Clip {
  const [width, height] = [320 * scale, 180 * scale];
  const wall = `gradients=s=${width}x${height}:c0=0x405060:c1=0xa0b090:x0=0:y0=0:x1=${width}:y1=${height}:speed=0.00001:r=24`;
  const side = 44 * scale;
  execFileSync('ffmpeg', [
    ...['-y', '-v', 'error', '-f', 'lavfi', '-i', wall],
    ...['-f', 'lavfi', '-i', `color=c=0xd03020:s=${side}x${side}:r=24`],
    ...['-filter_complex', `[0]noise=alls=6:allf=t[wall];[wall][1]overlay=x=${40 * scale}+${6 * scale}*n:y=${70 * scale}`, '-frames:v', String(frames)],
    ...['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-crf', '12', path],
  ]);
  return { path, width, height, frames };
}
