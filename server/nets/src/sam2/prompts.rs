//! What a person may mark, checked against the shot it is marked in.

use tch::Tensor;

use crate::Error;

/// How large a shot is. Frames are counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shot {
    pub frames: i64,
    pub height: i64,
    pub width: i64,
}

/// One click, in pixels of the plate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Click {
    pub x: f32,
    pub y: f32,
    /// On the object, or on what does not belong to it.
    pub onto: bool,
}

/// Left, top, right, bottom in pixels of the plate; may be a single point.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rect {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

/// All marks of one object on one frame.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Prompt {
    pub clicks: Vec<Click>,
    pub rect: Option<Rect>,
}

impl Prompt {
    /// As in the reference's first stage (void-spec §2.1): clicks on the object, and the box around them, grown by a tenth
    /// of its size on each side and cut to the frame.
    pub fn with_box_of_clicks(clicks: Vec<Click>, shot: Shot) -> Self {
        let range = |of: fn(&Click) -> f32, size: i64| {
            let (low, high) = clicks
                .iter()
                .map(of)
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
            let margin = (high - low) * 0.1;
            ((low - margin).max(0.0), (high + margin).min(size as f32))
        };
        let (left, right) = range(|click| click.x, shot.width);
        let (top, bottom) = range(|click| click.y, shot.height);
        let rect = (!clicks.is_empty()).then_some(Rect { left, top, right, bottom });
        Self { clicks, rect }
    }

    /// Places, and what each is: 1 onto, 0 away, 2 and 3 the corners of the box, which come first.
    pub(super) fn numbers(&self) -> (Vec<f32>, Vec<i64>) {
        let (mut at, mut labels) = (Vec::new(), Vec::new());
        if let Some(Rect { left, top, right, bottom }) = self.rect {
            at.extend([left, top, right, bottom]);
            labels.extend([2, 3]);
        }
        for click in &self.clicks {
            at.extend([click.x, click.y]);
            labels.push(i64::from(click.onto));
        }
        (at, labels)
    }
}

impl Shot {
    pub(super) fn check(self) -> Result<(), Error> {
        if self.frames > 0 && self.height > 0 && self.width > 0 {
            return Ok(());
        }
        Err(Error::input(
            format!("a shot of {} frames of {}×{} has nothing to mark", self.frames, self.width, self.height),
            "Choose a shot with pictures.",
        ))
    }

    pub(super) fn check_frame(self, frame: i64) -> Result<(), Error> {
        if (0..self.frames).contains(&frame) {
            return Ok(());
        }
        Err(Error::input(
            format!("frame {frame} does not exist: the shot has {}, counted from 0", self.frames),
            "Mark one of its frames.",
        ))
    }

    pub(super) fn check_prompt(self, frame: i64, prompt: &Prompt) -> Result<(), Error> {
        self.check_frame(frame)?;
        if prompt.clicks.is_empty() && prompt.rect.is_none() {
            return Err(Error::input(
                format!("nothing is marked on frame {frame}"),
                "Click on the object or draw a box.",
            ));
        }
        for click in &prompt.clicks {
            self.check_point(frame, click.x, click.y, "the click")?;
            let against =
                |other: &&Click| other.onto != click.onto && (other.x, other.y) == (click.x, click.y);
            if prompt.clicks.iter().any(|other| against(&other)) {
                return Err(Error::input(
                    format!(
                        "the clicks at {}, {} on frame {frame} contradict each other: one says it is the object, one that it is not",
                        click.x, click.y
                    ),
                    "Take one of them back.",
                ));
            }
        }
        if let Some(Rect { left, top, right, bottom }) = prompt.rect {
            self.check_point(frame, left, top, "the box's corner")?;
            self.check_point(frame, right, bottom, "the box's corner")?;
            if right < left || bottom < top {
                return Err(Error::input(
                    format!("the box {left}, {top} to {right}, {bottom} on frame {frame} is inside out"),
                    "Give its left and top before its right and bottom.",
                ));
            }
        }
        Ok(())
    }

    fn check_point(self, frame: i64, x: f32, y: f32, what: &str) -> Result<(), Error> {
        // The far edge itself is still the picture: a box may end there.
        let inside = (0.0..=self.width as f32).contains(&x) && (0.0..=self.height as f32).contains(&y);
        if inside {
            return Ok(());
        }
        Err(Error::input(
            format!(
                "{what} at {x}, {y} on frame {frame} is outside the picture of {}×{}",
                self.width, self.height
            ),
            "Mark a place inside it.",
        ))
    }

    pub(super) fn check_mask(self, mask: &Tensor) -> Result<(), Error> {
        if mask.size() == [self.height, self.width] {
            return Ok(());
        }
        Err(Error::input(
            format!(
                "the mask has the shape {:?}, the plate is {} rows of {}",
                mask.size(),
                self.height,
                self.width
            ),
            "Give one number for every pixel of the plate.",
        ))
    }

    pub(super) fn check_picture(self, frame: i64, picture: &Tensor) -> Result<(), Error> {
        if picture.size() == [self.height, self.width, 3] {
            return Ok(());
        }
        Err(Error::input(
            format!(
                "the picture of frame {frame} has the shape {:?}, the plate is {} rows of {}",
                picture.size(),
                self.height,
                self.width
            ),
            "Every frame of a shot must have one size.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOT: Shot = Shot { frames: 6, height: 60, width: 84 };

    fn said(frame: i64, prompt: Prompt) -> String {
        SHOT.check_prompt(frame, &prompt).unwrap_err().to_string()
    }

    fn click(x: f32, y: f32, onto: bool) -> Click {
        Click { x, y, onto }
    }

    #[test]
    fn marks_outside_the_shot_are_refused_with_where_they_are() {
        let one = |x, y| Prompt { clicks: vec![click(x, y, true)], rect: None };
        assert!(said(6, one(1.0, 1.0)).contains("frame 6 does not exist: the shot has 6"));
        assert!(said(-1, one(1.0, 1.0)).contains("frame -1 does not exist"));
        assert!(
            said(2, one(85.0, 1.0)).contains("the click at 85, 1 on frame 2 is outside the picture of 84×60")
        );
        assert!(said(2, one(f32::NAN, 1.0)).contains("outside the picture"));
        assert!(said(2, Prompt::default()).contains("nothing is marked on frame 2"));
    }

    #[test]
    fn contradicting_clicks_are_refused() {
        let both = vec![click(5.0, 6.0, true), click(9.0, 9.0, true), click(5.0, 6.0, false)];
        let said = said(0, Prompt { clicks: both, rect: None });
        assert!(said.contains("the clicks at 5, 6 on frame 0 contradict"), "{said}");
    }

    #[test]
    fn a_box_may_be_a_point_but_not_inside_out() {
        let rect = |left, top, right, bottom| Prompt {
            clicks: Vec::new(),
            rect: Some(Rect { left, top, right, bottom }),
        };
        SHOT.check_prompt(0, &rect(5.0, 5.0, 5.0, 5.0)).unwrap();
        assert!(said(0, rect(9.0, 5.0, 5.0, 5.0)).contains("inside out"));
    }
}
