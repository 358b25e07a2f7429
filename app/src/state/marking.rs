//! Marking the picture: which tool is in the hand, what it paints, how the overlay looks, and strokes that the server
//! has not answered yet.

use domain::stroke::Stroke;
use domain::{BoxPrompt, CauseId, Level, PointPrompt, QuadmaskId, Target, TargetId};
use leptos::prelude::*;

/// What a click or drag on the picture does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Pans; harmless everywhere.
    Hand,
    Point,
    Box,
    Brush,
    Erase,
    Cells,
    Path,
}

impl Tool {
    pub const ALL: [Self; 7] =
        [Self::Hand, Self::Point, Self::Box, Self::Brush, Self::Erase, Self::Cells, Self::Path];

    pub fn word(self) -> &'static str {
        match self {
            Self::Hand => "Pan",
            Self::Point => "Point",
            Self::Box => "Box",
            Self::Brush => "Brush",
            Self::Erase => "Erase",
            Self::Cells => "Grid cells",
            Self::Path => "Path",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Hand => "Drag to pan. The wheel zooms.",
            Self::Point => "Click what goes. Alt-click what stays.",
            Self::Box => "Drag a box around what goes.",
            Self::Brush => "Drag to paint. Alt-drag changes the size. 1 2 3 4 choose what is painted.",
            Self::Erase => "Drag to paint background.",
            Self::Cells => "Drag over the cells that the selected cause affects.",
            Self::Path => "Click where the thing is on this frame, step on, click again.",
        }
    }

    /// The key that takes it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Hand => "A",
            Self::Point => "X",
            Self::Box => "Shift+B",
            Self::Brush => "B",
            Self::Erase => "E",
            Self::Cells => "Shift+G",
            Self::Path => "Shift+R",
        }
    }

    pub fn edits(self) -> bool {
        self != Self::Hand
    }
}

/// The levels as people read them: name, what becomes of the pixel, token.
pub fn level_words(level: Level) -> (&'static str, &'static str, &'static str) {
    match level {
        Level::Primary => ("Primary", "removed", "primary"),
        Level::Overlap => ("Overlap", "both", "overlap"),
        Level::Affected => ("Affected", "rewritten", "affected"),
        Level::Background => ("Background", "kept", "keep"),
    }
}

/// Over which frames a grid cell is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellSpanChoice {
    /// In to out; the whole shot without marks.
    Marks,
    Whole,
    ThisFrame,
}

/// Which levels lie over the plate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Draft,
    Version(QuadmaskId),
}

/// A stroke that is on the screen and perhaps not yet in the server's picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    pub key: u64,
    pub stroke: Stroke,
    /// The frame's revision that holds it, once the server said so.
    pub revision: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub struct Marking {
    pub tool: RwSignal<Tool>,
    /// Points mark what stays instead of what goes.
    pub negative: RwSignal<bool>,
    /// What the brush paints.
    pub level: RwSignal<Level>,
    /// Brush radius in plate pixels.
    pub radius: RwSignal<f32>,
    pub span: RwSignal<CellSpanChoice>,
    pub overlay: RwSignal<bool>,
    /// The same on the review page, where the picture comes first.
    pub overlay_in_review: RwSignal<bool>,
    /// 0–1
    pub opacity: RwSignal<f64>,
    pub outline: RwSignal<bool>,
    pub shown: RwSignal<Shown>,
    pub target: RwSignal<Option<TargetId>>,
    pub cause: RwSignal<Option<CauseId>>,
    pub pending: RwSignal<Vec<Pending>>,
    /// Marks that wait for the first target, which is being made.
    pub first: RwSignal<Vec<Mark>>,
}

/// What a person puts on the picture for a target.
#[derive(Debug, Clone, Copy)]
pub enum Mark {
    Point(PointPrompt),
    Box(BoxPrompt),
}

impl Mark {
    pub fn put_on(self, target: &mut Target) {
        match self {
            Self::Point(point) => target.points.push(point),
            Self::Box(area) => target.boxes.push(area),
        }
    }
}

impl Marking {
    pub fn new() -> Self {
        Self {
            tool: RwSignal::new(Tool::Hand),
            negative: RwSignal::new(false),
            level: RwSignal::new(Level::Primary),
            radius: RwSignal::new(24.0),
            span: RwSignal::new(CellSpanChoice::Marks),
            overlay: RwSignal::new(true),
            overlay_in_review: RwSignal::new(false),
            opacity: RwSignal::new(0.45),
            outline: RwSignal::new(false),
            shown: RwSignal::new(Shown::Draft),
            target: RwSignal::new(None),
            cause: RwSignal::new(None),
            pending: RwSignal::new(Vec::new()),
            first: RwSignal::new(Vec::new()),
        }
    }

    /// What a stroke of the tool in the hand paints.
    pub fn paints(self) -> Level {
        if self.tool.get() == Tool::Erase { Level::Background } else { self.level.get() }
    }

    pub fn set_radius(self, radius: f32) {
        self.radius.set(radius.clamp(0.5, 1024.0));
    }
}

impl Default for Marking {
    fn default() -> Self {
        Self::new()
    }
}
