//! Drawing on the picture with a comment: which form is in the hand, and what was drawn and not yet sent. In parts of the
//! picture, as `domain::thread::drawing` has it.

use domain::Drawing;
use domain::thread::drawing::Place;
use domain::thread::{Form, Ink, Shape};
use leptos::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tip {
    Freehand,
    Arrow,
    Rectangle,
    Ellipse,
    Text,
}

impl Tip {
    pub const ALL: [Self; 5] = [Self::Freehand, Self::Arrow, Self::Rectangle, Self::Ellipse, Self::Text];

    pub fn word(self) -> &'static str {
        match self {
            Self::Freehand => "Draw",
            Self::Arrow => "Arrow",
            Self::Rectangle => "Rectangle",
            Self::Ellipse => "Ellipse",
            Self::Text => "Text on the picture",
        }
    }

    /// The key that takes it.
    pub fn key(self) -> Option<&'static str> {
        match self {
            Self::Freehand => Some("D"),
            Self::Text => Some("T"),
            _ => None,
        }
    }
}

/// Pen positions nearer than this part of the picture to the last one say nothing new.
const STEP: f32 = 0.0015;

#[derive(Debug, Clone, Copy)]
pub struct Pen {
    /// `None`: presses on the picture do what they otherwise do.
    pub tip: RwSignal<Option<Tip>>,
    pub ink: RwSignal<Ink>,
    pub shapes: RwSignal<Vec<Shape>>,
    /// Where words are being typed.
    pub typing: RwSignal<Option<Place>>,
}

impl Pen {
    pub const WIDTH: f32 = 0.005;

    pub fn new() -> Self {
        Self {
            tip: RwSignal::new(None),
            ink: RwSignal::new(Ink::default()),
            shapes: RwSignal::new(Vec::new()),
            typing: RwSignal::new(None),
        }
    }

    pub fn is_empty(self) -> bool {
        self.shapes.with_untracked(Vec::is_empty)
    }

    /// What was drawn, if anything.
    pub fn drawing(self) -> Option<Drawing> {
        let shapes = self.shapes.get_untracked();
        (!shapes.is_empty()).then_some(Drawing { shapes })
    }

    fn push(self, form: Form) {
        let shape = Shape { ink: self.ink.get_untracked(), width: Self::WIDTH, form };
        self.shapes.update(|all| all.push(shape));
    }

    /// The pen comes down at `at`.
    pub fn begin(self, tip: Tip, at: Place) {
        let at = round(at);
        match tip {
            Tip::Freehand => self.push(Form::Freehand { points: vec![at] }),
            Tip::Arrow => self.push(Form::Arrow { from: at, to: at }),
            Tip::Rectangle => self.push(Form::Rectangle { from: at, to: at }),
            Tip::Ellipse => self.push(Form::Ellipse { from: at, to: at }),
            Tip::Text => self.typing.set(Some(at)),
        }
    }

    /// The pen that is down moves over `places`.
    pub fn extend(self, places: &[Place]) {
        self.shapes.update(|all| {
            let Some(shape) = all.last_mut() else { return };
            for place in places.iter().copied().map(round) {
                match &mut shape.form {
                    Form::Freehand { points } => {
                        let is_new = points.last().is_none_or(|last| far(*last, place));
                        if is_new {
                            points.push(place);
                        }
                    }
                    Form::Arrow { to, .. } | Form::Rectangle { to, .. } | Form::Ellipse { to, .. } => {
                        *to = place;
                    }
                    Form::Text { .. } => {}
                }
            }
        });
    }

    /// The pen goes up; a press that drew nothing leaves nothing.
    pub fn finish(self) {
        let is_nothing = |shape: &Shape| match &shape.form {
            Form::Arrow { from, to } | Form::Rectangle { from, to } | Form::Ellipse { from, to } => {
                !far(*from, *to)
            }
            _ => false,
        };
        self.shapes.update(|all| {
            all.pop_if(|shape| is_nothing(shape));
        });
    }

    /// Puts typed words where they were begun.
    pub fn put_words(self, text: &str) {
        let Some(at) = self.typing.get_untracked() else { return };
        self.typing.set(None);
        let text: String = text.trim().chars().take(Drawing::MOST_WORDS).collect();
        if !text.is_empty() {
            self.push(Form::Text { at, text });
        }
    }

    pub fn undo(self) {
        self.shapes.update(|all| {
            all.pop();
        });
    }

    pub fn clear(self) {
        self.tip.set(None);
        self.typing.set(None);
        self.shapes.set(Vec::new());
    }
}

impl Default for Pen {
    fn default() -> Self {
        Self::new()
    }
}

/// On the picture, and to a ten-thousandth: more digits than a 4K plate has pixels would only travel.
fn round((x, y): Place) -> Place {
    let round = |v: f32| (v.clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0;
    (round(x), round(y))
}

fn far(a: Place, b: Place) -> bool {
    (a.0 - b.0).abs() >= STEP || (a.1 - b.1).abs() >= STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_can_always_be_sent() {
        let owner = Owner::new();
        owner.set();
        let pen = Pen::new();
        pen.begin(Tip::Freehand, (-3.0, 0.5));
        pen.extend(&[(0.5, 0.5), (0.5001, 0.5001), (7.0, f32::MAX)]);
        pen.finish();
        pen.begin(Tip::Ellipse, (0.2, 0.2));
        pen.extend(&[(0.4, 0.5)]);
        pen.finish();
        pen.begin(Tip::Text, (0.9, 0.9));
        pen.put_words(&"still dips ".repeat(90));
        let drawing = pen.drawing().expect("three shapes");
        assert_eq!(drawing.shapes.len(), 3);
        assert_eq!(drawing.check(), Ok(()));
        let Form::Freehand { points } = &drawing.shapes[0].form else { panic!("freehand comes first") };
        assert_eq!(points[..], [(0.0, 0.5), (0.5, 0.5), (1.0, 1.0)]);
    }

    #[test]
    fn a_press_without_a_drag_and_no_words_leave_nothing() {
        let owner = Owner::new();
        owner.set();
        let pen = Pen::new();
        for tip in [Tip::Arrow, Tip::Rectangle, Tip::Ellipse] {
            pen.begin(tip, (0.5, 0.5));
            pen.finish();
        }
        pen.begin(Tip::Text, (0.5, 0.5));
        pen.put_words("  ");
        assert_eq!(pen.drawing(), None);
    }
}
