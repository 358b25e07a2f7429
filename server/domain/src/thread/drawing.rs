//! What is drawn on a picture with a comment: vectors in parts of the picture, so that they lie right on a proxy, on a
//! still and on a phone, whatever its size.

use serde::{Deserialize, Serialize};

/// A place on the picture: 0 is its left or top edge, 1 its right or bottom one, as displayed.
pub type Place = (f32, f32);

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Drawing {
    pub shapes: Vec<Shape>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    pub ink: Ink,
    /// Of the line, as a part of the picture's height: 0.0005–0.1. A text is as high as eight of it.
    pub width: f32,
    #[serde(flatten)]
    pub form: Form,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "lowercase")]
pub enum Form {
    Freehand {
        points: Vec<Place>,
    },
    /// The head is at `to`.
    Arrow {
        from: Place,
        to: Place,
    },
    /// Between two corners.
    Rectangle {
        from: Place,
        to: Place,
    },
    /// In the rectangle between two corners.
    Ellipse {
        from: Place,
        to: Place,
    },
    /// Begins at `at`, the middle of its first line.
    Text {
        at: Place,
        text: String,
    },
}

/// Colours that show on most pictures; a few, so that they mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ink {
    #[default]
    Yellow,
    Red,
    Green,
    Blue,
    White,
}

impl Ink {
    pub const ALL: [Self; 5] = [Self::Yellow, Self::Red, Self::Green, Self::Blue, Self::White];

    pub fn word(self) -> &'static str {
        match self {
            Self::Yellow => "yellow",
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::White => "white",
        }
    }
}

/// The drawing cannot be kept.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadDrawing {
    #[error("A drawing has 1 to {most} shapes, this one has {got}: send some of them with another comment.")]
    Shapes { got: usize, most: usize },
    #[error("A drawing has at most {most} points, this one has {got}: draw less, or in several comments.")]
    Points { got: usize, most: usize },
    #[error("A point of the drawing is not on the picture: ({x}, {y}) are not parts from 0 to 1.")]
    Outside { x: f32, y: f32 },
    #[error("A line as wide as {0} of the picture's height is outside 0.0005 to 0.1.")]
    Width(f32),
    #[error("A freehand line needs at least one point.")]
    NoPoints,
    #[error("Words on the picture have 1 to {most} characters, these have {got}.")]
    Words { got: usize, most: usize },
}

impl Shape {
    pub const LEAST_WIDTH: f32 = 0.0005;
    pub const MOST_WIDTH: f32 = 0.1;

    fn places(&self) -> Vec<Place> {
        match &self.form {
            Form::Freehand { points } => points.clone(),
            Form::Arrow { from, to } | Form::Rectangle { from, to } | Form::Ellipse { from, to } => {
                vec![*from, *to]
            }
            Form::Text { at, .. } => vec![*at],
        }
    }

    fn points(&self) -> usize {
        match &self.form {
            Form::Freehand { points } => points.len(),
            Form::Arrow { .. } | Form::Rectangle { .. } | Form::Ellipse { .. } => 2,
            Form::Text { .. } => 1,
        }
    }
}

impl Drawing {
    pub const MOST_SHAPES: usize = 200;
    /// Over all shapes.
    pub const MOST_POINTS: usize = 10_000;
    /// Characters of one text on the picture.
    pub const MOST_WORDS: usize = 200;

    /// Counts before it looks at any point.
    pub fn check(&self) -> Result<(), BadDrawing> {
        let (shapes, points) = (self.shapes.len(), self.shapes.iter().map(Shape::points).sum());
        if shapes == 0 || shapes > Self::MOST_SHAPES {
            return Err(BadDrawing::Shapes { got: shapes, most: Self::MOST_SHAPES });
        }
        if points > Self::MOST_POINTS {
            return Err(BadDrawing::Points { got: points, most: Self::MOST_POINTS });
        }
        for shape in &self.shapes {
            if !(Shape::LEAST_WIDTH..=Shape::MOST_WIDTH).contains(&shape.width) {
                return Err(BadDrawing::Width(shape.width));
            }
            if let Form::Text { text, .. } = &shape.form {
                let got = text.trim().chars().count();
                if got == 0 || got > Self::MOST_WORDS {
                    return Err(BadDrawing::Words { got, most: Self::MOST_WORDS });
                }
            }
            let places = shape.places();
            if places.is_empty() {
                return Err(BadDrawing::NoPoints);
            }
            let is_off = |(x, y): &&Place| !(0.0..=1.0).contains(x) || !(0.0..=1.0).contains(y);
            if let Some(&(x, y)) = places.iter().find(is_off) {
                return Err(BadDrawing::Outside { x, y });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(form: Form) -> Drawing {
        Drawing { shapes: vec![Shape { ink: Ink::Red, width: 0.004, form }] }
    }

    #[test]
    fn every_form_survives_the_way_to_the_server() {
        let forms = [
            Form::Freehand { points: vec![(0.1, 0.2), (0.3, 0.4)] },
            Form::Arrow { from: (0.0, 0.0), to: (1.0, 1.0) },
            Form::Rectangle { from: (0.1, 0.1), to: (0.2, 0.3) },
            Form::Ellipse { from: (0.1, 0.1), to: (0.2, 0.3) },
            Form::Text { at: (0.5, 0.5), text: "still dips".into() },
        ];
        for form in forms {
            let drawn = drawing(form);
            assert_eq!(drawn.check(), Ok(()));
            let json = serde_json::to_string(&drawn).expect("JSON");
            assert_eq!(serde_json::from_str::<Drawing>(&json).expect("reads back"), drawn, "{json}");
        }
    }

    #[test]
    fn too_much_and_what_is_off_the_picture_is_refused() {
        let dot = Form::Freehand { points: vec![(0.5, 0.5)] };
        assert_eq!(drawing(Form::Freehand { points: vec![] }).check(), Err(BadDrawing::NoPoints));
        let many = drawing(Form::Freehand { points: vec![(0.5, 0.5); 10_001] }).check();
        assert_eq!(many, Err(BadDrawing::Points { got: 10_001, most: 10_000 }));
        let mut shapes = drawing(dot.clone());
        shapes.shapes = vec![shapes.shapes[0].clone(); 201];
        assert_eq!(shapes.check(), Err(BadDrawing::Shapes { got: 201, most: 200 }));
        assert!(Drawing::default().check().is_err());
        for at in [(1.01, 0.0), (0.0, -0.01), (f32::NAN, 0.5), (0.5, f32::INFINITY)] {
            let off = drawing(Form::Arrow { from: (0.0, 0.0), to: at }).check();
            assert!(matches!(off, Err(BadDrawing::Outside { .. })), "{at:?}");
        }
        for width in [0.0, 0.2, f32::NAN] {
            let mut wide = drawing(dot.clone());
            wide.shapes[0].width = width;
            assert!(matches!(wide.check(), Err(BadDrawing::Width(_))), "{width}");
        }
        for text in [String::new(), "x".repeat(201)] {
            let words = drawing(Form::Text { at: (0.5, 0.5), text }).check();
            assert!(matches!(words, Err(BadDrawing::Words { .. })));
        }
    }
}
