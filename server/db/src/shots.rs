//! Shots as rows: where they come from, their phase, their plate's facts. The board's view of them is in `board`.

use domain::phase::Phase;
use domain::project::{Shot, clean_name, shot_name_of_file};
use domain::{
    EventKind, Hash, Job, PersonId, PlateFacts, ProjectId, SaidColour, SequenceId, ShotId, ShotStep, Trim,
};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::uploads::Upload;
use crate::{Error, Result, blobs, draft, events, new_uuid, now, projects, queue, to_json};

fn read(row: &AnyRow) -> Result<Shot> {
    Ok(Shot {
        shot_id: row.word("shot_id")?,
        project_id: row.word("project_id")?,
        sequence_id: row.maybe_word("sequence_id")?,
        name: row.text("name")?,
        file_name: row.text("file_name")?,
        phase: row.word("phase")?,
        problem: row.maybe_text("problem")?,
        plate: row.word("plate")?,
        plate_bytes: row.int("size_bytes")?,
        trim: match (row.maybe_count("trim_first")?, row.maybe_count("trim_frames")?) {
            (Some(first), Some(frames)) => Some(Trim { first, frames }),
            _ => None,
        },
        said_colour: row.maybe_word("said_colour")?,
        frame_index: row.maybe_word("frame_index")?,
        facts: row.maybe_json("facts")?,
        proxy: row.maybe_word("proxy")?,
        poster: row.maybe_word("poster")?,
        strip: row.maybe_word("strip")?,
        sound: row.maybe_word("sound")?,
        editor: match row.maybe_int("editor_seen_at")? {
            Some(seen) if seen >= now() - draft::EDITOR_GONE_MICROS => row.maybe_word("editor")?,
            _ => None,
        },
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

/// What lies in the bin, or in a project that does, is not there.
pub async fn get<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Shot> {
    let row = sqlx::query(
        "select s.shot_id, s.project_id, s.sequence_id, s.name, s.file_name, s.phase, s.problem, s.plate, b.size_bytes,
             s.trim_first, s.trim_frames, s.said_colour, s.frame_index, s.facts, s.proxy, s.poster, s.strip, s.sound, d.editor, d.editor_seen_at, s.created_at, s.updated_at
         from shot s join project p on p.project_id = s.project_id and p.binned_at is null
         join blob b on b.hash = s.plate left join draft d on d.shot_id = s.shot_id where s.shot_id = $1 and s.binned_at is null",
    )
    .bind(shot_id.to_string())
    .fetch_optional(executor)
    .await?;
    read(&row.ok_or(Error::NotFound)?)
}

/// A shot that nobody else changes until this transaction ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    pub shot_id: ShotId,
    pub project_id: ProjectId,
    pub phase: Phase,
    pub plate: Hash,
    /// Known once the plate is read.
    pub size: Option<Size>,
}

/// A plate's length and displayed size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub frames: u32,
    pub width: u32,
    pub height: u32,
}

impl Locked {
    pub fn size(&self) -> Result<Size> {
        self.size.ok_or_else(|| {
            Error::Conflict("The plate is not read yet: wait until its film strip is there.".into())
        })
    }
}

/// Takes the shot for this transaction; others wait. Every change of a shot or of what hangs on it begins here.
///
/// # Errors
/// [`Error::NotFound`] for what lies in the bin, [`Error::Conflict`] with a sentence where the project is archived.
pub async fn lock(tx: &mut AnyConnection, shot_id: ShotId) -> Result<Locked> {
    let row = sqlx::query(
        "update shot set phase = phase where shot_id = $1 and binned_at is null
         returning project_id, phase, plate, frames, width, height",
    )
    .bind(shot_id.to_string())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound)?;
    let project_id: ProjectId = row.word("project_id")?;
    if projects::get(&mut *tx, project_id).await?.is_archived() {
        return Err(Error::Conflict(domain::project::ARCHIVED.into()));
    }
    let size = match (row.maybe_count("frames")?, row.maybe_count("width")?, row.maybe_count("height")?) {
        (Some(frames), Some(width), Some(height)) => Some(Size { frames, width, height }),
        _ => None,
    };
    Ok(Locked { shot_id, project_id, phase: row.word("phase")?, plate: row.word("plate")?, size })
}

/// Takes `step` from the phase that was locked; the phase it led to. Compare-and-set: a shot that moved meanwhile is a
/// [`Error::Conflict`], so is a step that the table of phases does not have.
pub async fn step(tx: &mut AnyConnection, shot: &Locked, step: ShotStep) -> Result<Phase> {
    step_with(tx, shot, step, None).await
}

/// [`step`], leaving a sentence for people (`None` clears the one before).
pub(crate) async fn step_with(
    tx: &mut AnyConnection,
    shot: &Locked,
    step: ShotStep,
    problem: Option<&str>,
) -> Result<Phase> {
    let to = shot.phase.step(step).map_err(|_| Error::Conflict(refusal(shot.phase, step)))?;
    let done = sqlx::query(
        "update shot set phase = $3, problem = $4, updated_at = $5 where shot_id = $1 and phase = $2",
    )
    .bind(shot.shot_id.to_string())
    .bind(shot.phase.slug())
    .bind(to.slug())
    .bind(problem)
    .bind(now())
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Error::Conflict("Somebody else moved this shot at the same moment. Look again.".into()));
    }
    if to != shot.phase || problem.is_some() {
        events::tell(tx, Some(shot.project_id), Some(shot.shot_id), &EventKind::Shot).await?;
    }
    Ok(to)
}

/// Why a step is refused, for people.
fn refusal(from: Phase, step: ShotStep) -> String {
    let word = from.status().word;
    match step {
        ShotStep::Edit => match from {
            Phase::Uploaded | Phase::IngestFailed => format!("“{word}”: there is nothing to edit before the plate is read."),
            Phase::Running => "The removal is running, so the quadmask is read-only. Cancel it and re-open the quadmask first.".into(),
            _ => format!("“{word}”: the quadmask is read-only. Re-open the quadmask first."),
        },
        ShotStep::SubmitQuadmask => format!("“{word}”: there is no changed quadmask to send to review. Reload to see where it stands."),
        ShotStep::ApproveQuadmask | ShotStep::AskQuadmaskChanges => {
            format!("“{word}”: no quadmask waits for a decision. Somebody was faster; reload to see where it stands.")
        }
        ShotStep::Trim => format!(
            "“{word}”: a shot can be trimmed, and the coding of its colours said, once its plate is read and before anything is marked. Make a new shot from a part instead."
        ),
        ShotStep::StartRun if from == Phase::Running => "A removal is running already.".into(),
        ShotStep::StartRun => format!("“{word}”: a removal needs an approved quadmask. Send it to review first."),
        ShotStep::Reopen if from == Phase::Running => "The removal is running: cancel it before re-opening the quadmask.".into(),
        _ => format!("“{word}”: this is not possible now. Reload to see where the shot stands."),
    }
}

/// Begins an edit of targets, words, causes or draft: locks the shot, refuses where it is read-only, moves it to
/// “quadmask in work” and raises the draft's revision.
pub async fn edit(tx: &mut AnyConnection, shot_id: ShotId) -> Result<Locked> {
    let mut shot = lock(tx, shot_id).await?;
    shot.phase = step(tx, &shot, ShotStep::Edit).await?;
    draft::raise(tx, shot_id).await?;
    Ok(shot)
}

/// What became of finished bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub shot_id: ShotId,
    pub name: String,
    /// The project had these bytes already, in this shot; no new one was made.
    pub duplicate: bool,
}

/// Makes the shot of an upload whose bytes are in the store, and queues its reading. The same plate twice in a project
/// makes no second shot. The caller marks the upload itself as finished.
pub async fn create_from_upload(
    tx: &mut AnyConnection,
    upload: &Upload,
    plate: Hash,
    size_bytes: i64,
) -> Result<Created> {
    let Upload { project_id, sequence_id, person_id, file_name, .. } = upload;
    create(tx, *project_id, *sequence_id, *person_id, file_name, plate, size_bytes).await
}

/// As [`create_from_upload`], for plates that come from elsewhere (the demo).
pub async fn create(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    sequence_id: Option<SequenceId>,
    person_id: PersonId,
    file_name: &str,
    plate: Hash,
    size_bytes: i64,
) -> Result<Created> {
    // One at a time per project: the same plate sent twice at once must meet itself here.
    projects::lock_open(tx, project_id).await?;
    let same = sqlx::query(
        "select shot_id, name from shot where project_id = $1 and plate = $2 and binned_at is null order by created_at limit 1",
    )
    .bind(project_id.to_string())
    .bind(plate.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = same {
        return Ok(Created { shot_id: row.word("shot_id")?, name: row.text("name")?, duplicate: true });
    }
    blobs::record(tx, plate, size_bytes).await?;
    let of = New { sequence_id, person_id, file_name, wanted: &shot_name_of_file(file_name) };
    let (shot_id, name) = insert(tx, project_id, of, plate).await?;
    enqueue_ingest(tx, project_id, shot_id).await?;
    Ok(Created { shot_id, name, duplicate: false })
}

struct New<'a> {
    sequence_id: Option<SequenceId>,
    person_id: PersonId,
    file_name: &'a str,
    /// The name it gets unless that is taken.
    wanted: &'a str,
}

async fn insert(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    of: New<'_>,
    plate: Hash,
) -> Result<(ShotId, String)> {
    let New { sequence_id, person_id, file_name, wanted } = of;
    let shot_id = ShotId(new_uuid());
    let name = free_name(tx, project_id, wanted).await?;
    sqlx::query(
        "insert into shot (shot_id, project_id, sequence_id, name, file_name, phase, plate, created_by, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    )
    .bind(shot_id.to_string())
    .bind(project_id.to_string())
    .bind(sequence_id.map(|id| id.to_string()))
    .bind(&name)
    .bind(file_name)
    .bind(Phase::Uploaded.slug())
    .bind(plate.to_string())
    .bind(person_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    events::tell(tx, Some(project_id), Some(shot_id), &EventKind::Project).await?;
    Ok((shot_id, name))
}

async fn enqueue_ingest(tx: &mut AnyConnection, project_id: ProjectId, shot_id: ShotId) -> Result<()> {
    let dedupe = format!("ingest:{shot_id}");
    queue::enqueue(tx, &Job::Ingest { shot_id }, Some(project_id), Some(shot_id), Some(&dedupe), 10).await?;
    Ok(())
}

/// `wanted`, or with the first free number behind it.
async fn free_name(tx: &mut AnyConnection, project_id: ProjectId, wanted: &str) -> Result<String> {
    let taken: Vec<String> = sqlx::query_scalar("select name from shot where project_id = $1")
        .bind(project_id.to_string())
        .fetch_all(&mut *tx)
        .await?;
    let taken: std::collections::HashSet<String> = taken.into_iter().collect();
    if !taken.contains(wanted) {
        return Ok(wanted.to_owned());
    }
    let short: String = wanted.chars().take(74).collect();
    let name = (2..).map(|n| format!("{short} {n}")).find(|name| !taken.contains(name));
    Ok(name.expect("there are more numbers than shots"))
}

/// What reading a plate leaves behind, as blobs.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// Where the pictures lie in the plate's file.
    pub frame_index: Hash,
    /// Motion JPEG.
    pub proxy: Hash,
    pub poster: Hash,
    pub strip: Hash,
    /// WAV; `None`: there is nothing to hear.
    pub sound: Option<Hash>,
}

/// The plate was read. `proxy_index` says where the proxy's pictures lie in it. Record the blobs first.
pub async fn ingested(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    facts: &PlateFacts,
    made: Made,
    proxy_index: &str,
) -> Result<()> {
    let shot = lock(tx, shot_id).await?;
    sqlx::query(
        "update shot set facts = $2, proxy = $3, proxy_index = $4, poster = $5, strip = $6, frames = $7, width = $8,
             height = $9, rate = $10, frame_index = $11, sound = $12 where shot_id = $1",
    )
    .bind(shot_id.to_string())
    .bind(to_json(facts))
    .bind(made.proxy.to_string())
    .bind(proxy_index)
    .bind(made.poster.to_string())
    .bind(made.strip.to_string())
    .bind(i64::from(facts.frames))
    .bind(i64::from(facts.width()))
    .bind(i64::from(facts.height()))
    .bind(format!("{}/{}", facts.rate.num(), facts.rate.den()))
    .bind(made.frame_index.to_string())
    .bind(made.sound.map(|hash| hash.to_string()))
    .execute(&mut *tx)
    .await?;
    step(tx, &shot, ShotStep::Ingested).await?;
    Ok(())
}

/// The plate was refused; `sentence` says why and what to do. Nothing happens when the shot is not being read.
pub async fn ingest_failed(tx: &mut AnyConnection, shot_id: ShotId, sentence: &str) -> Result<()> {
    let shot = lock(tx, shot_id).await?;
    if shot.phase.step(ShotStep::IngestFails).is_ok() {
        step_with(tx, &shot, ShotStep::IngestFails, Some(sentence)).await?;
    }
    Ok(())
}

/// Reads a refused plate again.
pub async fn retry_ingest(tx: &mut AnyConnection, shot_id: ShotId) -> Result<()> {
    let shot = lock(tx, shot_id).await?;
    step(tx, &shot, ShotStep::RetryIngest).await?;
    enqueue_ingest(tx, shot.project_id, shot_id).await
}

/// Makes the shot a part of what it is now, or all of its plate again (`None`), and has it read once more.
/// Only before anything is marked.
pub async fn trim(tx: &mut AnyConnection, shot_id: ShotId, part: Option<Trim>) -> Result<()> {
    let shot = lock(tx, shot_id).await?;
    let trim = match part {
        Some(part) => Some(part_of(tx, &shot, part).await?),
        None => None,
    };
    step(tx, &shot, ShotStep::Trim).await?;
    set_trim(tx, shot_id, trim).await?;
    enqueue_ingest(tx, shot.project_id, shot_id).await
}

/// Says how the plate's samples are coded, or that what is assumed is right (`None`), and has it read once more. Only before
/// anything is marked.
///
/// # Errors
/// `Invalid` when the file says so itself.
pub async fn say_colour(tx: &mut AnyConnection, shot_id: ShotId, said: Option<SaidColour>) -> Result<()> {
    let shot = lock(tx, shot_id).await?;
    let now = get(&mut *tx, shot_id).await?;
    if now.said_colour.is_none() && !now.facts.is_some_and(|facts| facts.colour.assumed) {
        return Err(Error::Invalid(
            "The plate’s file says itself how its colours are coded. Tag the file anew where that is wrong, and upload it again.".into(),
        ));
    }
    step(tx, &shot, ShotStep::Trim).await?;
    set_said_colour(tx, shot_id, said).await?;
    enqueue_ingest(tx, shot.project_id, shot_id).await
}

async fn set_said_colour(tx: &mut AnyConnection, shot_id: ShotId, said: Option<SaidColour>) -> Result<()> {
    sqlx::query("update shot set said_colour = $2 where shot_id = $1")
        .bind(shot_id.to_string())
        .bind(said.map(SaidColour::slug))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// A new shot from a part of this one, on the same plate. The new shot and its name.
pub async fn cut(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    person_id: PersonId,
    part: Trim,
) -> Result<Created> {
    let shot = lock(tx, shot_id).await?;
    let trim = part_of(tx, &shot, part).await?;
    let from = get(&mut *tx, shot_id).await?;
    let of = New { sequence_id: from.sequence_id, person_id, file_name: &from.file_name, wanted: &from.name };
    let (new, name) = insert(tx, shot.project_id, of, shot.plate).await?;
    set_trim(tx, new, Some(trim)).await?;
    set_said_colour(tx, new, from.said_colour).await?;
    enqueue_ingest(tx, shot.project_id, new).await?;
    Ok(Created { shot_id: new, name, duplicate: false })
}

/// A part of the shot as a part of its plate.
async fn part_of(tx: &mut AnyConnection, shot: &Locked, part: Trim) -> Result<Trim> {
    let frames = shot.size()?.frames;
    part.end_in(frames).map_err(|bad| {
        Error::Invalid(format!("This cannot be the shot: {bad}. Set in and out inside it."))
    })?;
    let now = get(&mut *tx, shot.shot_id).await?.trim;
    Ok(now.map_or(part, |whole| whole.within(part)))
}

async fn set_trim(tx: &mut AnyConnection, shot_id: ShotId, trim: Option<Trim>) -> Result<()> {
    sqlx::query("update shot set trim_first = $2, trim_frames = $3 where shot_id = $1")
        .bind(shot_id.to_string())
        .bind(trim.map(|trim| i64::from(trim.first)))
        .bind(trim.map(|trim| i64::from(trim.frames)))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Back to editing. A removal that waits in the queue is taken back; decisions stay on record.
pub async fn reopen(tx: &mut AnyConnection, shot_id: ShotId) -> Result<()> {
    let shot = lock(tx, shot_id).await?;
    step(tx, &shot, ShotStep::Reopen).await?;
    queue::withdraw(tx, shot_id, "remove").await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Quadmask).await
}

pub async fn rename(tx: &mut AnyConnection, shot_id: ShotId, name: &str) -> Result<()> {
    let name = clean_name(name).map_err(|bad| Error::Invalid(format!("Choose another name: {bad}.")))?;
    let shot = lock(tx, shot_id).await?;
    let clash: i64 =
        sqlx::query_scalar("select count(*) from shot where project_id = $1 and name = $2 and shot_id <> $3")
            .bind(shot.project_id.to_string())
            .bind(&name)
            .bind(shot_id.to_string())
            .fetch_one(&mut *tx)
            .await?;
    let taken = || {
        Error::Invalid(format!(
            "This project has a shot named “{name}” already, maybe in the bin: choose another name."
        ))
    };
    if clash > 0 {
        return Err(taken());
    }
    let done = sqlx::query("update shot set name = $2, updated_at = $3 where shot_id = $1")
        .bind(shot_id.to_string())
        .bind(&name)
        .bind(now())
        .execute(&mut *tx)
        .await;
    match done.map_err(Error::from) {
        Err(Error::Taken(_)) => return Err(taken()),
        done => done?,
    };
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Shot).await
}

/// `None` takes the shot out of its sequence.
pub async fn set_sequence(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    sequence_id: Option<SequenceId>,
) -> Result<()> {
    let shot = lock(tx, shot_id).await?;
    if let Some(id) = sequence_id
        && !projects::has_sequence(&mut *tx, shot.project_id, id).await?
    {
        return Err(Error::NotFound);
    }
    sqlx::query("update shot set sequence_id = $2, updated_at = $3 where shot_id = $1")
        .bind(shot_id.to_string())
        .bind(sequence_id.map(|id| id.to_string()))
        .bind(now())
        .execute(&mut *tx)
        .await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Shot).await
}
