//! From the text of an answer to proposals: cut to the schema, to the shot and to a few short lines.

use domain::Reply;
use domain::affected::{Clip, one_line, proposals};
use domain::outside::Asked;
use domain::question::Question;
use domain::reply::BadReply;

use crate::Answer;

/// Most sentences about one answer that people read.
const MOST_NOTES: usize = 12;
/// Longest sentence about an answer, and longest description of the scene, in characters.
const NOTE: usize = 240;
const SCENE: usize = 600;

/// `size`: of the plate as it is shown, in pixels.
pub fn read(
    text: &str,
    question: &Question,
    (width, height): (u32, u32),
    asked: Asked,
) -> Result<Answer, BadReply> {
    let (reply, mut remarks) = Reply::read(text)?;
    let (reply, outside_the_shot) = reply.within(question.frames, question.grid);
    remarks.extend(outside_the_shot);
    let clip = Clip { frames: question.frames, width, height, grid: question.grid };
    let proposals = proposals(&reply, clip, &asked);
    let scene = Some(one_line(reply.scene(), SCENE)).filter(|scene| !scene.is_empty());
    Ok(Answer { proposals, notes: few(remarks), scene, asked: Some(asked) })
}

/// The first few, each a short line, and how many more there were.
fn few(remarks: Vec<String>) -> Vec<String> {
    let more = remarks.len().saturating_sub(MOST_NOTES);
    let mut notes: Vec<String> =
        remarks.iter().take(MOST_NOTES).map(|remark| one_line(remark, NOTE)).collect();
    if more > 0 {
        notes.push(format!("{more} more things in the answer were not as asked and are left out."));
    }
    notes
}

#[cfg(test)]
mod tests {
    use domain::Grid;
    use domain::outside::{Outside, Sends};

    use super::*;

    #[test]
    fn thousands_of_cells_outside_the_grid_are_a_few_sentences() {
        let cells = (0..5_000).map(|n| format!(r#"{{"row": {n}, "col": 99}}"#)).collect::<Vec<_>>().join(",");
        let text = format!(
            r#"{{"affected_objects": [{{"noun": "x", "grid_localizations": [{{"frame": 0, "grid_regions": [{cells}]}}]}}],
                "scene_description": "An\nempty   room."}}"#
        );
        let outside = Outside::new("http://127.0.0.1:1", "m", Sends::Pictures, None).expect("an address");
        let grid = Grid { rows: 8, cols: 14 };
        let question = Question::new((10, grid), Sends::Pictures, [], "", []);
        let answer = read(&text, &question, (640, 360), Asked::new(&outside, 0, 0)).expect("JSON");
        assert_eq!(answer.notes.len(), MOST_NOTES + 1);
        assert!(answer.notes[MOST_NOTES].starts_with("4988 more"), "{:?}", answer.notes);
        assert_eq!(answer.scene.as_deref(), Some("An empty room."));
        assert!(answer.proposals[0].spans.is_empty());
    }
}
