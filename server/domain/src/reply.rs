//! What a vision-language model answered about a shot, read into a schema of its own (void-spec §3.4).
//!
//! Everything that the reference's parser accepts gives the same here; where that one gives up over a single field, this
//! one takes the field's default and remarks on it. Nothing is trusted yet: [`Reply::within`] cuts it to the shot.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Grid;
use crate::repair::repaired;

/// As `vlm_analysis.json` holds it, fields in that order.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    /// Passed on as it came; see [`Self::scene`] for the text.
    pub edit_instruction: Value,
    pub integral_belongings: Vec<Belonging>,
    pub affected_objects: Vec<Affected>,
    pub scene_description: Value,
    pub confidence: f64,
}

/// Something that is the target's own and goes with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Belonging {
    pub noun: String,
    pub why: String,
    /// Only our own question asks for it; the reference's answers have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grid_localizations: Vec<Localization>,
}

/// Something that changes when the target goes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Affected {
    pub noun: String,
    /// `visual_artifact`, `physical`, or whatever was answered.
    pub category: String,
    pub why: String,
    pub will_move: bool,
    pub first_appears_frame: i64,
    pub movement_description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currently_moving: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub should_have_stayed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_position_grid: Option<Cell>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grid_localizations: Vec<Localization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_size_grids: Option<Size>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trajectory_path: Vec<Waypoint>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cell {
    pub row: i64,
    pub col: i64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Localization {
    pub frame: i64,
    pub grid_regions: Vec<Cell>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Size {
    pub rows: i64,
    pub cols: i64,
}

/// The cell of a thing's centre at a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waypoint {
    pub frame: i64,
    pub grid_row: i64,
    pub grid_col: i64,
}

/// The answer holds no object that could be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the answer is not the JSON that was asked for ({reason}); it begins with “{beginning}”. Ask again, or mark what is affected by hand."
)]
pub struct BadReply {
    pub reason: String,
    pub beginning: String,
}

const BELONGINGS: usize = 3;
const AFFECTED: usize = 5;
const WHY_CHARACTERS: usize = 200;
const MOVEMENT_CHARACTERS: usize = 300;

impl Reply {
    /// Reads an answer, fenced, in prose or bare. The second part says which fields were not as asked, one sentence each.
    ///
    /// # Errors
    /// When no JSON object can be made out in it.
    pub fn read(answer: &str) -> Result<(Self, Vec<String>), BadReply> {
        let bad = |reason: String| BadReply { reason, beginning: answer.trim().chars().take(60).collect() };
        let fields = match object(answer).map_err(bad)? {
            Value::Object(fields) => fields,
            // A list around the one object that was asked for.
            Value::Array(list) => match list.into_iter().next() {
                Some(Value::Object(fields)) => fields,
                _ => return Err(bad("a list without objects".to_owned())),
            },
            _ => return Err(bad("no object".to_owned())),
        };
        let mut remarks = Vec::new();
        let asis = |key: &str| fields.get(key).cloned().unwrap_or_else(|| Value::from(""));
        let reply = Self {
            edit_instruction: asis("edit_instruction"),
            integral_belongings: objects(&fields, "integral_belongings", BELONGINGS, &mut remarks)
                .into_iter()
                .filter_map(|fields| {
                    let (noun, why) = (noun(fields)?, text(fields, "why", WHY_CHARACTERS));
                    Some(Belonging { noun, why, grid_localizations: places(fields) })
                })
                .collect(),
            affected_objects: objects(&fields, "affected_objects", AFFECTED, &mut remarks)
                .into_iter()
                .filter_map(|fields| affected(fields, &mut remarks))
                .collect(),
            scene_description: asis("scene_description"),
            confidence: fields.get("confidence").map_or(0.0, |value| {
                number(value).unwrap_or_else(|| {
                    remarks.push(format!("The confidence {value} is no number; 0 is taken."));
                    0.0
                })
            }),
        };
        Ok((reply, remarks))
    }

    /// What is to be seen after the removal; empty where no text was answered.
    pub fn scene(&self) -> &str {
        self.scene_description.as_str().unwrap_or("").trim()
    }

    /// The text of `vlm_analysis.json`: indented by two, all but ASCII escaped, as the reference writes it.
    pub fn to_file(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("plain fields are JSON");
        let mut ascii = String::with_capacity(text.len());
        for character in text.chars() {
            if character.is_ascii() && character != '\u{7f}' {
                ascii.push(character);
            } else {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    ascii.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        ascii
    }

    /// What of it lies within a shot: frames and cells that do not exist are left out, and each is told in a sentence.
    pub fn within(mut self, frames: u32, grid: Grid) -> (Self, Vec<String>) {
        let mut remarks = Vec::new();
        let last = i64::from(frames) - 1;
        let inside = |row: i64, col: i64| {
            (0..i64::from(grid.rows)).contains(&row) && (0..i64::from(grid.cols)).contains(&col)
        };
        let confidence = self.confidence.clamp(0.0, 1.0);
        if confidence.to_bits() != self.confidence.to_bits() {
            remarks.push(format!("The confidence {} is not between 0 and 1.", self.confidence));
            self.confidence = if confidence.is_nan() { 0.0 } else { confidence };
        }
        for worn in &mut self.integral_belongings {
            let noun = worn.noun.clone();
            let mut left_out = |what: String| remarks.push(format!("“{noun}”: {what} is left out."));
            keep_inside(&mut worn.grid_localizations, frames, grid, &mut left_out);
        }
        for thing in &mut self.affected_objects {
            let noun = thing.noun.clone();
            let mut left_out = |what: String| remarks.push(format!("“{noun}”: {what} is left out."));
            if !(0..=last).contains(&thing.first_appears_frame) {
                left_out(format!("its first frame {} of {frames}", thing.first_appears_frame));
                thing.first_appears_frame = 0;
            }
            if let Some(Cell { row, col }) = thing.original_position_grid
                && !inside(row, col)
            {
                left_out(format!("its old place, cell {row}, {col} of {}×{}", grid.rows, grid.cols));
                thing.original_position_grid = None;
            }
            keep_inside(&mut thing.grid_localizations, frames, grid, &mut left_out);
            thing.trajectory_path.retain(|Waypoint { frame, grid_row, grid_col }| {
                let keep = (0..=last).contains(frame) && inside(*grid_row, *grid_col);
                if !keep {
                    left_out(format!("its way over cell {grid_row}, {grid_col} at frame {frame}"));
                }
                keep
            });
            if let Some(size) = &mut thing.object_size_grids {
                size.rows = size.rows.clamp(1, i64::from(grid.rows));
                size.cols = size.cols.clamp(1, i64::from(grid.cols));
            }
        }
        (self, remarks)
    }
}

/// Leaves out cells outside the grid and places on frames that are not there, and tells each.
fn keep_inside(places: &mut Vec<Localization>, frames: u32, grid: Grid, left_out: &mut impl FnMut(String)) {
    for place in places.iter_mut() {
        let frame = place.frame;
        place.grid_regions.retain(|Cell { row, col }| {
            let keep = (0..i64::from(grid.rows)).contains(row) && (0..i64::from(grid.cols)).contains(col);
            if !keep {
                left_out(format!("cell {row}, {col} at frame {frame}, outside {}×{},", grid.rows, grid.cols));
            }
            keep
        });
    }
    places.retain(|place| {
        let keep = (0..i64::from(frames)).contains(&place.frame);
        if !keep {
            left_out(format!("its place at frame {} of {frames}", place.frame));
        }
        keep && !place.grid_regions.is_empty()
    });
}

/// The places of a belonging; what is no whole number is 0, as of everything else, and without a remark.
fn places(fields: &Map<String, Value>) -> Vec<Localization> {
    let whole = |fields: &Map<String, Value>, key: &str| fields.get(key).and_then(integer).unwrap_or(0);
    let places = inner(fields, "grid_localizations").map(|place| Localization {
        frame: whole(place, "frame"),
        grid_regions: inner(place, "grid_regions")
            .map(|at| Cell { row: whole(at, "row"), col: whole(at, "col") })
            .collect(),
    });
    places.filter(|place| !place.grid_regions.is_empty()).collect()
}

/// The JSON in an answer: the whole of it, without a fence around it, or from its first brace to its last; then the same with
/// small faults of notation mended.
fn object(answer: &str) -> Result<Value, String> {
    let trimmed = answer.trim();
    let mut whole = trimmed;
    if whole.starts_with("```") {
        whole = whole.split_once('\n').map_or("", |(_, rest)| rest).trim_end();
        if let Some(body) = whole.strip_suffix("```") {
            whole = body;
        }
    }
    let braces = |text: &'_ str| {
        let (start, end) = (text.find('{')?, text.rfind('}')?);
        (start < end).then_some((start, end))
    };
    let inner = braces(whole).map(|(start, end)| &whole[start..=end]);
    let mut reason = "no braces in it".to_owned();
    for text in [Some(whole), inner].into_iter().flatten() {
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(value);
        }
    }
    for text in [inner, Some(whole)].into_iter().flatten() {
        match serde_json::from_str(&repaired(text)) {
            Ok(value) => return Ok(value),
            Err(error) if inner.is_some() => reason = error.to_string(),
            Err(_) => {}
        }
    }
    Err(reason)
}

/// The first `most` objects of a list, counted before anything is left out.
fn objects<'a>(
    fields: &'a Map<String, Value>,
    key: &str,
    most: usize,
    remarks: &mut Vec<String>,
) -> Vec<&'a Map<String, Value>> {
    let Some(value) = fields.get(key) else { return Vec::new() };
    let Value::Array(list) = value else {
        remarks.push(format!("{key} is no list and was passed over."));
        return Vec::new();
    };
    if list.len() > most {
        remarks.push(format!("{key} has {} entries; the first {most} are taken.", list.len()));
    }
    let mut found = Vec::new();
    for entry in list.iter().take(most) {
        match entry {
            Value::Object(fields) => found.push(fields),
            other => {
                remarks.push(format!("{key} holds {other}, which is no object, and it was passed over."))
            }
        }
    }
    found
}

fn affected(fields: &Map<String, Value>, remarks: &mut Vec<String>) -> Option<Affected> {
    let noun = noun(fields)?;
    let mut whole = |fields: &Map<String, Value>, key: &str, default: i64| match fields.get(key) {
        None => default,
        Some(value) => integer(value).unwrap_or_else(|| {
            remarks
                .push(format!("“{noun}”: {key} is {value}, which is no whole number; {default} is taken."));
            default
        }),
    };
    let will_move = fields.get("will_move").is_some_and(truthy);
    let mut thing = Affected {
        noun: noun.clone(),
        category: match fields.get("category") {
            Some(_) => text(fields, "category", usize::MAX).to_lowercase(),
            None => "physical".to_owned(),
        },
        why: text(fields, "why", WHY_CHARACTERS),
        will_move,
        first_appears_frame: whole(fields, "first_appears_frame", 0),
        movement_description: text(fields, "movement_description", MOVEMENT_CHARACTERS),
        currently_moving: fields.get("currently_moving").map(truthy),
        should_have_stayed: fields.get("should_have_stayed").map(truthy),
        ..Affected::default()
    };
    let mut cell =
        |fields: &Map<String, Value>| Cell { row: whole(fields, "row", 0), col: whole(fields, "col", 0) };
    if let Some(Value::Object(at)) = fields.get("original_position_grid") {
        thing.original_position_grid = Some(cell(at));
    }
    for place in inner(fields, "grid_localizations") {
        let grid_regions: Vec<Cell> = inner(place, "grid_regions").map(&mut cell).collect();
        if !grid_regions.is_empty() {
            thing.grid_localizations.push(Localization { frame: 0, grid_regions });
        }
    }
    // The frames, in a pass of their own: one closure at a time may remark.
    let frames =
        inner(fields, "grid_localizations").filter(|place| inner(place, "grid_regions").next().is_some());
    for (place, frame) in thing.grid_localizations.iter_mut().zip(frames) {
        place.frame = whole(frame, "frame", 0);
    }
    // Both or none: a size without a way, or a way without a size, is of no use.
    if will_move
        && fields.contains_key("trajectory_path")
        && let Some(Value::Object(size)) = fields.get("object_size_grids")
    {
        thing.object_size_grids = Some(Size { rows: whole(size, "rows", 2), cols: whole(size, "cols", 2) });
        thing.trajectory_path = inner(fields, "trajectory_path")
            .map(|at| Waypoint {
                frame: whole(at, "frame", 0),
                grid_row: whole(at, "grid_row", 0),
                grid_col: whole(at, "grid_col", 0),
            })
            .collect();
    }
    Some(thing)
}

/// The objects of a list within an object; nothing where there is no such list.
fn inner<'a>(fields: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    fields.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn noun(fields: &Map<String, Value>) -> Option<String> {
    let noun = text(fields, "noun", usize::MAX).to_lowercase();
    (!noun.is_empty()).then_some(noun)
}

/// Trimmed, then cut; other simple values as they are written, nothing for null, lists and objects.
fn text(fields: &Map<String, Value>, key: &str, most: usize) -> String {
    let text = match fields.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => String::new(),
    };
    text.trim().chars().take(most).collect()
}

/// As Python decides: everything but nothing, zero and the empty. The text “false” is true.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Cut towards zero; a text only when it is a whole number.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(value) => Some(i64::from(*value)),
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|n| n.is_finite()).map(|n| n as i64))
        }
        // As Python reads it: 1_000 is a number.
        Value::String(text) => text.trim().replace('_', "").parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_frames_outside_the_shot_are_left_out_and_told() {
        let answer = r#"{"confidence": 7, "affected_objects": [{"noun": "shadow", "will_move": true,
            "first_appears_frame": 99,
            "original_position_grid": {"row": 8, "col": 0},
            "grid_localizations": [{"frame": 2, "grid_regions": [{"row": 1, "col": 1}, {"row": -1, "col": 3}]},
                                   {"frame": 40, "grid_regions": [{"row": 1, "col": 1}]}],
            "object_size_grids": {"rows": 900, "cols": 0},
            "trajectory_path": [{"frame": 3, "grid_row": 2, "grid_col": 2}, {"frame": 3, "grid_row": 2, "grid_col": 14}]}]}"#;
        let (reply, remarks) = Reply::read(answer).unwrap();
        assert!(remarks.is_empty());
        let (reply, remarks) = reply.within(10, Grid { rows: 8, cols: 14 });
        let thing = &reply.affected_objects[0];
        assert_eq!((reply.confidence, thing.first_appears_frame), (1.0, 0));
        assert_eq!(thing.original_position_grid, None);
        assert_eq!(
            thing.grid_localizations,
            [Localization { frame: 2, grid_regions: vec![Cell { row: 1, col: 1 }] }]
        );
        assert_eq!(thing.object_size_grids, Some(Size { rows: 8, cols: 1 }));
        assert_eq!(thing.trajectory_path.len(), 1);
        assert_eq!(remarks.len(), 6, "{remarks:?}");
        assert!(remarks.iter().any(|r| r.contains("“shadow”: cell -1, 3 at frame 2")), "{remarks:?}");
    }

    #[test]
    fn one_bad_field_does_not_lose_the_answer() {
        let answer = r#"{"affected_objects": ["chair", {"noun": "cup", "first_appears_frame": "soon", "why": null},
            {"noun": "mat", "first_appears_frame": "12", "original_position_grid": null}], "confidence": null}"#;
        let (reply, remarks) = Reply::read(answer).unwrap();
        let nouns: Vec<_> = reply.affected_objects.iter().map(|thing| thing.noun.as_str()).collect();
        assert_eq!(nouns, ["cup", "mat"]);
        assert_eq!(reply.affected_objects[1].first_appears_frame, 12);
        assert!(remarks.iter().any(|r| r.contains("“cup”: first_appears_frame is \"soon\"")), "{remarks:?}");
        assert_eq!(remarks.len(), 3, "{remarks:?}");
    }

    #[test]
    fn prose_and_hostile_answers_are_refused_in_words() {
        let deep = "[".repeat(100_000);
        for answer in [
            "I cannot analyse this video.",
            "",
            "```",
            "\"hello\"",
            "{\"a\": ",
            "}{",
            "[1, 2]",
            deep.as_str(),
        ] {
            let error = Reply::read(answer).unwrap_err().to_string();
            assert!(
                error.contains("is not the JSON that was asked for") && error.contains("by hand"),
                "{error}"
            );
        }
    }
}
