// A board of 1,000 shots: cards in the page and the main thread's longest task while it is scrolled from end to end.
// `cargo xtask prove board` on release builds; with the tests only the cards are counted, times mean nothing there.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { movingSquare } from '../lib/clips';
import { becomeOwner, makeProject } from '../lib/people';
import { proving } from '../lib/place';
import { count, record } from '../lib/proof';
import { expect, open, test } from '../lib/test';

test.describe.configure({ timeout: proving ? 0 : 120_000 });

const SHOTS = 1000;
const MOST_CARDS = 60;

test('a thousand shots scroll with few cards', async ({ page, server }) => {
  await becomeOwner(page);
  await makeProject(page, 'Thousand');
  const board = new URL(page.url()).pathname;
  await page.getByLabel('Plates').first().setInputFiles(movingSquare(join(server.dataDir, 'square.mp4')).path);
  await expect(page.getByText('Ready to annotate').first()).toBeVisible({ timeout: 60_000 });

  // The others are rows like the first, as if each had been uploaded.
  const columns = `project_id, sequence_id, file_name, phase, problem, plate, facts, proxy, proxy_index, poster, strip, created_by,
    frames, width, height, rate`;
  const id = `printf('00000000-0000-4000-8000-%012d', n)`;
  const sql = `with recursive more(n) as (select 1 union all select n + 1 from more where n < ${SHOTS - 1})
    insert into shot (shot_id, name, created_at, updated_at, ${columns})
    select ${id}, printf('NL_%04d', n), created_at + n, updated_at + n, ${columns} from shot, more;`;
  execFileSync('sqlite3', ['-bail', '-cmd', '.timeout 10000', join(server.dataDir, 'minus-one.db'), sql]);

  await open(page, board);
  await expect(page.getByRole('link', { name: new RegExp(`^All\\s*${SHOTS}$`) })).toBeVisible();
  const seen = await page.evaluate(async (passes) => {
    const tasks: { ms: number; at: number }[] = [];
    const note = (list: PerformanceObserverEntryList) =>
      list.getEntries().forEach(({ duration, startTime }) => tasks.push({ ms: duration, at: Math.round(startTime) }));
    const watch = new PerformanceObserver(note);
    watch.observe({ entryTypes: ['longtask'] });
    // What a frame of scrolling changed, so that a long task can be told by the cards it made.
    const made: { at: number; cards: number }[] = [];
    const cardsIn = (node: Node) => (node instanceof HTMLElement ? node.querySelectorAll('.card__link').length : 0);
    const growth = new MutationObserver((changes) => {
      const cards = changes.flatMap(({ addedNodes }) => [...addedNodes]).reduce((sum, node) => sum + cardsIn(node), 0);
      made.push({ at: Math.round(performance.now()), cards });
    });
    growth.observe(document.querySelector('.board__grid')!, { childList: true, subtree: true });
    const scroller = [...document.querySelectorAll<HTMLElement>('*')].find(
      (element) => element.scrollHeight > element.clientHeight + 500 && getComputedStyle(element).overflowY !== 'visible',
    )!;
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    let most = 0;
    let frames = 0;
    for (let pass = 0; pass < passes; pass += 1) {
      const down = pass % 2 === 0;
      for (;;) {
        const before = scroller.scrollTop;
        scroller.scrollTop += down ? 120 : -120;
        await frame();
        frames += 1;
        most = Math.max(most, document.querySelectorAll('.card').length);
        if (scroller.scrollTop === before) break;
      }
      await new Promise((done) => setTimeout(done, 500));
    }
    watch.disconnect();
    growth.disconnect();
    const beside = ({ at, ms }: { at: number; ms: number }) => made.filter((each) => each.at >= at && each.at <= at + ms + 1);
    const long = tasks.map((task) => ({ ...task, made: beside(task).map(({ cards }) => cards) }));
    const most_made = Math.max(0, ...made.map(({ cards }) => cards));
    return { long, most, most_made, frames, height: scroller.scrollHeight };
  }, count(1, 6));
  expect(seen.height, 'the page is as long as a thousand cards').toBeGreaterThan(20_000);
  expect(seen.most).toBeLessThanOrEqual(MOST_CARDS);
  expect(seen.most).toBeGreaterThan(4);
  const figures = {
    shots: SHOTS,
    frames_scrolled: seen.frames,
    most_cards: seen.most,
    most_cards_put_in_at_once: seen.most_made,
    tasks_over_50_ms: seen.long.length,
    longest_task_ms: Math.round(Math.max(0, ...seen.long.map(({ ms }) => ms))),
  };
  record({ ...figures, long_tasks: seen.long });
  expect(seen.most_made, 'a frame puts in two rows at most, and moves none').toBeLessThanOrEqual(8);
  if (proving) expect(figures.tasks_over_50_ms, 'tasks that hold up the page').toBe(0);
});
