//! Lines on A4 pages, one under the other: wrapped text, columns, rules; a head and a numbered foot on every page. Measures are
//! points from the top left.

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::{Document, metadata::Metadata};

use super::faces::{Faces, Weight};
use super::{Error, Result};

const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;
const MARGIN: f32 = 48.0;
/// Where text begins and ends on a page.
const TOP: f32 = 84.0;
const BOTTOM: f32 = HEIGHT - 64.0;
/// From one line to the next, in parts of the size.
const LEADING: f32 = 1.38;

/// The width that text may take.
pub const MEASURE: f32 = WIDTH - 2.0 * MARGIN;

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub size: f32,
    pub weight: Weight,
    /// Red, green, blue.
    pub colour: [u8; 3],
}

pub const BODY: Style = Style { size: 9.0, weight: Weight::Regular, colour: [20, 22, 25] };
pub const STRONG: Style = Style { weight: Weight::Bold, ..BODY };
pub const FAINT: Style = Style { colour: [105, 112, 122], ..BODY };
pub const SMALL: Style = Style { size: 6.6, ..FAINT };
pub const TITLE: Style = Style { size: 20.0, weight: Weight::Bold, ..BODY };
pub const HEADING: Style = Style { size: 11.5, weight: Weight::Bold, ..BODY };
pub const GOOD: Style = Style { weight: Weight::Bold, colour: [12, 110, 60], ..BODY };
pub const BAD: Style = Style { weight: Weight::Bold, colour: [176, 32, 32], ..BODY };

enum Item {
    Text { x: f32, y: f32, style: Style, text: String },
    Rule { y: f32 },
}

/// A document in the making: text is put on the page that is open, or on the next where it does not fit.
pub struct Sheets {
    faces: &'static Faces,
    pages: Vec<Vec<Item>>,
    y: f32,
}

impl Sheets {
    pub fn new() -> Result<Self> {
        Ok(Self { faces: Faces::get()?, pages: vec![Vec::new()], y: TOP })
    }

    /// Leaves `points` free.
    pub fn space(&mut self, points: f32) {
        self.y += points;
    }

    /// A line across.
    pub fn rule(&mut self) {
        let y = self.y;
        self.put(Item::Rule { y });
        self.y += 6.0;
    }

    /// Begins a page unless `points` are left on this one.
    pub fn keep(&mut self, points: f32) {
        if self.y + points > BOTTOM && self.y > TOP {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
    }

    /// A paragraph over the whole width.
    pub fn text(&mut self, style: Style, text: &str) {
        self.row(&[(0.0, MEASURE, style, text)]);
    }

    /// Texts beside each other: where each begins from the margin, and how wide it may become. Those that are longer than a page
    /// go on on the next.
    pub fn row(&mut self, cells: &[(f32, f32, Style, &str)]) {
        let columns: Vec<Vec<String>> =
            cells.iter().map(|(_, width, style, text)| self.wrapped(text, *width, *style)).collect();
        let line = cells.iter().map(|(_, _, style, _)| style.size * LEADING).fold(0.0, f32::max);
        let lines = columns.iter().map(Vec::len).max().unwrap_or_default();
        // What fits on one page stays together, and its columns are read one after the other.
        let height = line * lines as f32;
        let at_once = if height < BOTTOM - TOP { lines.max(1) } else { 1 };
        for first in (0..lines).step_by(at_once) {
            self.keep(line * at_once as f32);
            for ((x, _, style, _), column) in cells.iter().zip(&columns) {
                for (down, text) in (1u16..).zip(column.iter().skip(first).take(at_once)) {
                    let y = self.y + line * (f32::from(down) - 0.28);
                    if !text.is_empty() {
                        self.put(Item::Text { x: MARGIN + x, y, style: *style, text: text.clone() });
                    }
                }
            }
            self.y += line * at_once as f32;
        }
    }

    fn put(&mut self, item: Item) {
        if let Some(page) = self.pages.last_mut() {
            page.push(item);
        }
    }

    /// Lines no wider than `width`; words that are wider are cut.
    fn wrapped(&self, text: &str, width: f32, style: Style) -> Vec<String> {
        let fits = |line: &str| self.faces.width(line, style.weight) * style.size <= width;
        let mut lines = Vec::new();
        for paragraph in text.lines() {
            let mut line = String::new();
            for word in paragraph.split_whitespace() {
                let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
                if fits(&longer) {
                    line = longer;
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                for letter in word.chars() {
                    line.push(letter);
                    if !fits(&line) && line.chars().count() > 1 {
                        line.pop();
                        lines.push(std::mem::take(&mut line));
                        line.push(letter);
                    }
                }
            }
            lines.push(line);
        }
        lines
    }

    /// The document. `title`: its own; `head`: at the top of every page, left and right; `foot`: left of the page's number.
    pub fn finish(self, title: &str, head: (&str, &str), foot: &str) -> Result<Vec<u8>> {
        let Self { faces, pages, .. } = self;
        let mut document = Document::new();
        document.set_metadata(
            Metadata::new().title(title.to_owned()).creator("Minus One".into()).language("en".into()),
        );
        let count = pages.len();
        for (at, items) in pages.iter().enumerate() {
            let size = PageSettings::from_wh(WIDTH, HEIGHT)
                .ok_or_else(|| Error::Pages("no page has that size".into()))?;
            let mut page = document.start_page_with(size);
            let mut surface = page.surface();
            let number = format!("Page {} of {count}", at + 1);
            let right =
                |text: &str, style: Style| WIDTH - MARGIN - faces.width(text, style.weight) * style.size;
            draw(&mut surface, faces, (MARGIN, 52.0), STRONG, head.0);
            draw(&mut surface, faces, (right(head.1, FAINT), 52.0), FAINT, head.1);
            rule(&mut surface, 62.0)?;
            rule(&mut surface, HEIGHT - 50.0)?;
            draw(&mut surface, faces, (MARGIN, HEIGHT - 36.0), FAINT, foot);
            draw(&mut surface, faces, (right(&number, FAINT), HEIGHT - 36.0), FAINT, &number);
            for item in items {
                match item {
                    Item::Text { x, y, style, text } => draw(&mut surface, faces, (*x, *y), *style, text),
                    Item::Rule { y } => rule(&mut surface, *y)?,
                }
            }
            surface.finish();
            page.finish();
        }
        document.finish().map_err(|error| Error::Pages(format!("{error:?}")))
    }
}

fn fill([red, green, blue]: [u8; 3]) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: Default::default(),
    }
}

fn draw(surface: &mut Surface<'_>, faces: &Faces, (mut x, y): (f32, f32), style: Style, text: &str) {
    surface.set_fill(Some(fill(style.colour)));
    for run in faces.runs(text, style.weight) {
        surface.draw_glyphs(Point::from_xy(x, y), &run.glyphs, run.font, &run.text, style.size, false);
        x += run.width * style.size;
    }
}

fn rule(surface: &mut Surface<'_>, y: f32) -> Result<()> {
    let bad = || Error::Pages("a line has no size".into());
    let rect = Rect::from_xywh(MARGIN, y, MEASURE, 0.5).ok_or_else(bad)?;
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    surface.set_fill(Some(fill([200, 204, 210])));
    surface.draw_path(&path.finish().ok_or_else(bad)?);
    Ok(())
}
