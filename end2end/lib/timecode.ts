// Timecode, counted label by label: slow, and no formula that the product could share.

type Rate = readonly [number, number];

/** The labels of the first `frames` frames from `start`; without a start, from zero, and drop-frame where the rate has it. */
export function labels(rate: Rate, start: string | undefined, frames: number): string[] {
  const nominal = Math.round(rate[0] / rate[1]);
  const canDrop = rate[1] === 1001 && (nominal === 30 || nominal === 60);
  const drop = canDrop && (start === undefined || start.includes(';'));
  const parts = (start ?? '00:00:00:00').split(/[:;]/).map(Number);
  let [hours, minutes, seconds, picture] = parts;
  const two = (value: number) => String(value).padStart(2, '0');
  const found: string[] = [];
  while (found.length < frames) {
    // SMPTE 12M: the first two numbers (four at 60) of a minute do not exist, but in every tenth minute they do.
    const isLeftOut = drop && seconds === 0 && picture < nominal / 15 && minutes % 10 !== 0;
    if (!isLeftOut) found.push(`${two(hours)}:${two(minutes)}:${two(seconds)}${drop ? ';' : ':'}${two(picture)}`);
    picture += 1;
    if (picture === nominal) [picture, seconds] = [0, seconds + 1];
    if (seconds === 60) [seconds, minutes] = [0, minutes + 1];
    if (minutes === 60) [minutes, hours] = [0, (hours + 1) % 24];
  }
  return found;
}
