//! Finding shots and comments by their words, over all projects somebody sees. One text for both engines: every word must be
//! part of what is looked at, in any case; `lower` of SQLite knows only English letters, so a word is also looked for as typed.

use domain::{CommentId, Phase, ProjectId, ShotId, ThreadId};
use sqlx::any::AnyRow;

use crate::inbox::Reader;
use crate::row::{Cells, places};
use crate::threads::Eyes;
use crate::{Db, Result, board};

/// Results of each kind.
pub const MOST: usize = 20;
/// Words that are looked for; more are left out.
pub const MOST_WORDS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundShot {
    pub shot_id: ShotId,
    pub name: String,
    pub project_name: String,
    /// For the team.
    pub sequence: Option<String>,
    pub removal: String,
    pub phase: Phase,
    pub has_poster: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundComment {
    pub comment_id: CommentId,
    pub thread_id: ThreadId,
    pub shot_id: ShotId,
    pub shot_name: String,
    pub project_name: String,
    pub author: Option<String>,
    pub text: String,
    pub created_at: i64,
}

/// `like` patterns of the words in `q`: in small letters, and as typed.
fn patterns(q: &str) -> Vec<(String, String)> {
    let pattern = |word: &str| format!("%{}%", word.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
    q.split_whitespace().take(MOST_WORDS).map(|word| (pattern(&word.to_lowercase()), pattern(word))).collect()
}

/// Every word in one of the columns; values from `$first` on, two for each word.
fn matches(columns: &[&str], words: usize, first: usize) -> String {
    let of_word = |at: usize| {
        let (lower, typed) = (first + 2 * at, first + 2 * at + 1);
        let of_column = |column: &&str| {
            format!("lower({column}) like ${lower} escape '!' or {column} like ${typed} escape '!'")
        };
        format!("({})", columns.iter().map(of_column).collect::<Vec<_>>().join(" or "))
    };
    (0..words).map(of_word).collect::<Vec<_>>().join(" and ")
}

/// By name, words of the removal or sequence; clients by name alone, among the shots shown to them. Names come first.
pub async fn shots(db: &Db, reader: Reader<'_>, q: &str) -> Result<Vec<FoundShot>> {
    let words = patterns(q);
    if reader.projects.is_empty() || words.is_empty() {
        return Ok(Vec::new());
    }
    let client = reader.eyes() != Eyes::Team;
    let columns: &[&str] = if client { &["s.name"] } else { &["s.name", "w.removal", "q.name"] };
    let first = 1 + reader.projects.len();
    let text = format!(
        "select s.shot_id, s.name, r.name as project_name, q.name as sequence, w.removal, s.phase, s.poster,
             case when {} then 0 else 1 end as place
         from shot s join project r on r.project_id = s.project_id left join words w on w.shot_id = s.shot_id
         left join sequence q on q.sequence_id = s.sequence_id
         where s.project_id in ({}) and {} and {} order by place, s.updated_at desc, s.shot_id limit {MOST}",
        matches(&["s.name"], words.len(), first),
        places(1, reader.projects.len()),
        board::shown(client),
        matches(columns, words.len(), first),
    );
    let rows = ask(db, text, reader.projects, &words).await?;
    rows.iter()
        .map(|row| {
            Ok(FoundShot {
                shot_id: row.word("shot_id")?,
                name: row.text("name")?,
                project_name: row.text("project_name")?,
                sequence: row.maybe_text("sequence")?.filter(|_| !client),
                removal: row.maybe_text("removal")?.filter(|_| !client).unwrap_or_default(),
                phase: row.word("phase")?,
                has_poster: row.maybe_text("poster")?.is_some(),
            })
        })
        .collect()
}

/// By text, the newest first: in threads that these eyes see.
pub async fn comments(db: &Db, reader: Reader<'_>, q: &str) -> Result<Vec<FoundComment>> {
    let words = patterns(q);
    if reader.projects.is_empty() || words.is_empty() {
        return Ok(Vec::new());
    }
    let eyes = reader.eyes();
    let text = format!(
        "select c.comment_id, c.thread_id, s.shot_id, s.name as shot_name, r.name as project_name, p.name as author, c.text,
             c.created_at
         from comment c join thread t on t.thread_id = c.thread_id join shot s on s.shot_id = t.shot_id
         join project r on r.project_id = s.project_id left join person p on p.person_id = c.author
         left join version v on v.version_id = t.version_id
         where s.project_id in ({}) and c.kind = 'said' and c.deleted_at is null and {} and ({}) and {} and {}
         order by c.created_at desc, c.comment_id limit {MOST}",
        places(1, reader.projects.len()),
        board::shown(eyes != Eyes::Team),
        eyes.sees_thread(),
        eyes.sees_comment(),
        matches(&["c.text"], words.len(), 1 + reader.projects.len()),
    );
    let rows = ask(db, text, reader.projects, &words).await?;
    rows.iter()
        .map(|row| {
            Ok(FoundComment {
                comment_id: row.word("comment_id")?,
                thread_id: row.word("thread_id")?,
                shot_id: row.word("shot_id")?,
                shot_name: row.text("shot_name")?,
                project_name: row.text("project_name")?,
                author: row.maybe_text("author")?,
                text: row.text("text")?,
                created_at: row.int("created_at")?,
            })
        })
        .collect()
}

async fn ask(
    db: &Db,
    text: String,
    projects: &[ProjectId],
    words: &[(String, String)],
) -> Result<Vec<AnyRow>> {
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text));
    for project in projects {
        query = query.bind(project.to_string());
    }
    for (lower, typed) in words {
        query = query.bind(lower.clone()).bind(typed.clone());
    }
    Ok(query.fetch_all(&db.pool).await?)
}
