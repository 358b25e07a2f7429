//! Which cards are in the page: arithmetic only, so that it can be tested without a browser.

use std::ops::Range;

/// Never more cards than this are in the page, however large the screen and long the list.
pub const MOST_CARDS: u32 = 60;
const NARROWEST: f64 = 264.0;
pub const GAP: f64 = 16.0;
/// Height of a card below its picture, borders included; `board.css` says the same.
const BODY: f64 = 82.0;
/// Rows kept above and below what is seen.
const OVER: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    pub columns: u32,
    /// Of a card.
    pub height: f64,
}

/// Columns for a grid `width` wide in a viewport `height` high. On huge screens cards grow, so that what is seen stays
/// below [`MOST_CARDS`].
pub fn plan(width: f64, height: f64) -> Plan {
    let most = ((width + GAP) / (NARROWEST + GAP)).floor().clamp(1.0, 12.0) as u32;
    let with = |columns: u32| {
        let card = (width - GAP * f64::from(columns - 1)) / f64::from(columns);
        Plan { columns, height: (card.max(120.0) * 9.0 / 16.0 + BODY).round() }
    };
    (1..=most)
        .rev()
        .map(with)
        .find(|plan| plan.columns * plan.rows_in(height) <= MOST_CARDS)
        .unwrap_or(with(1))
}

impl Plan {
    fn step(self) -> f64 {
        self.height + GAP
    }

    fn rows_in(self, height: f64) -> u32 {
        (height / self.step()).ceil() as u32 + 1 + 2 * OVER
    }

    /// Cards in the page when the grid is scrolled `above` beyond its top.
    pub fn window(self, above: f64, height: f64, total: u32) -> Range<u32> {
        let rows = total.div_ceil(self.columns);
        let first = ((above / self.step()).floor().max(0.0) as u32).saturating_sub(OVER);
        // Near the end the window moves back, so that it is never empty.
        let first = first.min(rows.saturating_sub(1));
        let last = (first + self.rows_in(height)).min(rows);
        first * self.columns..(last * self.columns).min(total)
    }

    /// Empty heights above and below the window that keep the scroll bar right.
    pub fn spacers(self, window: &Range<u32>, total: u32) -> (f64, f64) {
        let rows = total.div_ceil(self.columns);
        let above = f64::from(window.start / self.columns) * self.step();
        let below = f64::from(rows.saturating_sub(window.end.div_ceil(self.columns))) * self.step();
        (above, below)
    }
}

/// New cards made in one frame.
pub const PER_FRAME: u32 = 8;

/// One step from the window in the page towards the one wanted. Whole rows, so that the columns stay; what overlaps is
/// kept, the rest goes at once.
pub fn nearer(now: &Range<u32>, goal: &Range<u32>, columns: u32) -> Range<u32> {
    let step = (PER_FRAME / columns).max(1) * columns;
    let (start, end) = (now.start.max(goal.start), now.end.min(goal.end));
    if start >= end || !now.start.is_multiple_of(columns) {
        // Nothing in common: begin in the middle, where the eyes are.
        let middle = goal.start + (goal.len() as u32 / columns / 3) * columns;
        return middle..(middle + step).min(goal.end);
    }
    if end < goal.end {
        return start..(end.next_multiple_of(columns) + step).min(goal.end);
    }
    // Upwards by one row: of several new ones at the top all below would move in the document.
    start.saturating_sub(columns).max(goal.start)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_sixty_cards_on_any_screen() {
        for width in (300..8000).step_by(37) {
            for height in [500.0, 900.0, 1440.0, 2160.0, 4320.0] {
                let plan = plan(f64::from(width), height);
                for above in [0.0, 333.0, 5000.0, 1e6] {
                    let window = plan.window(above, height, 1000);
                    assert!(window.len() as u32 <= MOST_CARDS, "{width}×{height}: {window:?}");
                    assert!(!window.is_empty());
                }
            }
        }
    }

    #[test]
    fn what_is_seen_is_in_the_window_and_heights_add_up() {
        let (width, height, total) = (1200.0, 800.0, 1000u32);
        let plan = plan(width, height);
        assert_eq!(plan.columns, 4);
        let all = f64::from(total.div_ceil(plan.columns)) * plan.step();
        let mut above = 0.0;
        while above < all - height {
            let window = plan.window(above, height, total);
            let first_seen = (above / plan.step()) as u32 * plan.columns;
            let last_seen =
                (((above + height) / plan.step()) as u32 * plan.columns + plan.columns - 1).min(total - 1);
            assert!(window.contains(&first_seen) && window.contains(&last_seen), "{above}: {window:?}");
            let (before, after) = plan.spacers(&window, total);
            let inside = f64::from((window.len() as u32).div_ceil(plan.columns)) * plan.step();
            assert!((before + inside + after - all).abs() < 1e-6);
            above += 97.0;
        }
    }

    #[test]
    fn steps_lead_to_the_goal_with_few_new_cards_each() {
        for (now, goal) in
            [(0..24, 400..436), (400..436, 404..440), (40..76, 0..36), (960..1000, 980..1000), (0..24, 0..0)]
        {
            let mut now: Range<u32> = now;
            let mut steps = 0;
            while now != goal {
                let next = nearer(&now, &goal, 4);
                let new = next.clone().filter(|at| !now.contains(at)).count();
                assert!(new <= PER_FRAME as usize + 3, "{now:?} → {next:?}");
                now = next;
                steps += 1;
                assert!(steps < 12, "{now:?} never reaches {goal:?}");
            }
        }
    }

    #[test]
    fn an_empty_list_has_an_empty_window() {
        assert_eq!(plan(1000.0, 800.0).window(0.0, 800.0, 0), 0..0);
    }
}
