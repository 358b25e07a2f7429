//! Grid cells by numbers: the same as dragging over the grid.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use crate::components::ui::Button;
use crate::state::desk::use_desk;

/// Rows and columns from 1, as `2` or `2-5`.
fn parse_range(text: &str, most: u32) -> Option<std::ops::Range<u32>> {
    let (low, high) = match text.split_once(['-', '–']) {
        Some((low, high)) => (low.trim().parse::<u32>().ok()?, high.trim().parse::<u32>().ok()?),
        None => {
            let one = text.trim().parse::<u32>().ok()?;
            (one, one)
        }
    };
    (1 <= low && low <= high && high <= most).then(|| low - 1..high)
}

#[component]
pub fn CellsForm() -> impl IntoView {
    let desk = use_desk();
    let (rows, cols) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let mark = move |on: bool| {
        let Some(grid) = desk.view.with_untracked(|v| v.grid) else { return };
        let ranges =
            (parse_range(&rows.get_untracked(), grid.rows), parse_range(&cols.get_untracked(), grid.cols));
        let (Some(rows), Some(cols)) = ranges else {
            desk.toasts.fail(format!("Rows are 1–{}, columns 1–{}: write 3 or 3-5.", grid.rows, grid.cols));
            return;
        };
        desk.mark_cells(rows.flat_map(|r| cols.clone().map(move |c| (r, c))).collect(), on);
    };
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        mark(true);
    };
    let field = |label: &'static str, value: RwSignal<String>| {
        view! {
            <label class="by-numbers__field">
                <span>{label}</span>
                <input
                    class="field__input" type="text" inputmode="numeric" placeholder="3-5"
                    prop:value=move || value.get()
                    on:input=move |event| value.set(event_target_value(&event))
                />
            </label>
        }
    };
    let frames = move || {
        let ((from, to), clip) = (desk.cell_frames(), desk.clip());
        format!("f{}–{}", clip.number(from), clip.number(to))
    };
    view! {
        <details class="by-numbers">
            <summary>"Cells by numbers"</summary>
            <form class="by-numbers__form" on:submit=send>
                {field("rows", rows)}
                {field("columns", cols)}
                <Button small=true submit=true disabled=Signal::derive(move || !desk.may_edit())>"Mark"</Button>
                <Button small=true disabled=Signal::derive(move || !desk.may_edit()) on:click=move |_| mark(false)>"Clear"</Button>
                <span class="faint">{frames}</span>
            </form>
        </details>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_typed_from_one() {
        assert_eq!(parse_range("3", 8), Some(2..3));
        assert_eq!(parse_range(" 2 - 5 ", 8), Some(1..5));
        assert_eq!(parse_range("0", 8), None);
        assert_eq!(parse_range("5-2", 8), None);
        assert_eq!(parse_range("9", 8), None);
    }
}
