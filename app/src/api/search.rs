//! One search over shots and comments of every project the viewer sees.

use domain::{Phase, ShotId, ThreadId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShotHit {
    pub shot_id: ShotId,
    pub name: String,
    pub project_name: String,
    /// Sequence and words of the removal; empty for clients.
    pub about: String,
    /// What a client is told where the viewer is one.
    pub phase: Phase,
    pub has_poster: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentHit {
    pub thread_id: ThreadId,
    pub shot_id: ShotId,
    pub shot_name: String,
    pub project_name: String,
    /// `None`: whoever it was is gone.
    pub author: Option<String>,
    /// What surrounds the first word that was found.
    pub excerpt: String,
    pub at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hits {
    pub shots: Vec<ShotHit>,
    pub comments: Vec<CommentHit>,
}

/// At most 200 characters are looked for; at most 20 shots and 20 comments are found.
#[server]
pub async fn search(q: String) -> Result<Hits, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let projects = cx.project_ids().await?;
    let (reader, client) = (cx.reader(&projects), cx.is_client());
    let q: String = q.chars().take(200).collect();
    let shots = db::search::shots(cx.db(), reader, &q).await?;
    let comments = db::search::comments(cx.db(), reader, &q).await?;
    let shot = |found: db::search::FoundShot| {
        let db::search::FoundShot { shot_id, name, project_name, sequence, removal, phase, has_poster } =
            found;
        let phase = if client { super::projects::phase_for_clients(phase) } else { phase };
        let about: Vec<String> =
            sequence.into_iter().chain(Some(removal).filter(|r| !r.is_empty())).collect();
        ShotHit { shot_id, name, project_name, about: about.join(" · "), phase, has_poster }
    };
    let comment = |found: db::search::FoundComment| {
        let db::search::FoundComment { comment_id: _, thread_id, shot_id, shot_name, project_name, .. } =
            found;
        let db::search::FoundComment { author, text, created_at: at, .. } = found;
        let excerpt = excerpt(&text, &q);
        CommentHit { thread_id, shot_id, shot_name, project_name, author, excerpt, at }
    };
    Ok(Hits {
        shots: shots.into_iter().map(shot).collect(),
        comments: comments.into_iter().map(comment).collect(),
    })
}

/// About 140 characters around the first of the words, in one line.
#[cfg(feature = "ssr")]
fn excerpt(text: &str, q: &str) -> String {
    const BEFORE: usize = 40;
    const MOST: usize = 140;
    let line: Vec<char> = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    let small = |c: &char| c.to_lowercase().next().unwrap_or(*c);
    let lower: Vec<char> = line.iter().map(small).collect();
    let found = q.split_whitespace().find_map(|word| {
        let word: Vec<char> = word.chars().map(|c| small(&c)).collect();
        lower.windows(word.len().max(1)).position(|part| part == word.as_slice())
    });
    let start = found.unwrap_or(0).saturating_sub(BEFORE);
    let end = (start + MOST).min(line.len());
    let part: String = line[start..end].iter().collect();
    let (before, after) = (if start > 0 { "…" } else { "" }, if end < line.len() { "…" } else { "" });
    format!("{before}{}{after}", part.trim())
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::excerpt;

    #[test]
    fn an_excerpt_shows_the_word_that_was_found() {
        assert_eq!(excerpt("The edge\n shows.", "EDGE"), "The edge shows.");
        let long = format!("{}Öl on the edge {}", "word ".repeat(60), "more ".repeat(60));
        let shown = excerpt(&long, "öl");
        assert!(
            shown.contains("Öl on the edge") && shown.starts_with('…') && shown.ends_with('…'),
            "{shown}"
        );
        assert!(shown.chars().count() <= 142);
        assert_eq!(excerpt("", "x"), "");
    }
}
