//! Clicks that wait for their frame's mask: a row until a worker has put it into the draft. Growing over the whole shot is a
//! job; this is the answer before it.

use std::collections::BTreeSet;

use domain::ShotId;
use domain::run::{ClickAnswer, GrownBy};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::draft::{self, MadeFrame};
use crate::row::Cells;
use crate::wanted::Wanted;
use crate::{Db, Result, now, queue, shots};

/// Nobody waits longer than a minute for the mask of one frame.
const CLICKS: Wanted = Wanted {
    table: "click",
    key: "shot_id, frame",
    columns: "shot_id, frame, asked_at",
    also: "",
    forgotten_micros: 60_000_000,
    taken_micros: 30_000_000,
};
/// Frames that one change asks about at most.
const MOST: usize = 8;

/// A frame on which somebody marked something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Click {
    pub shot_id: ShotId,
    pub frame: u32,
    asked_at: i64,
}

/// Asks for the masks of these frames; of too many, for the last ones. Asks nothing while the mask grows anyway. Lock the shot
/// first.
pub(crate) async fn ask(tx: &mut AnyConnection, shot_id: ShotId, frames: &BTreeSet<u32>) -> Result<()> {
    if frames.is_empty() || queue::is_open(tx, shot_id, &["segment"]).await? {
        return Ok(());
    }
    let at = now();
    sqlx::query("delete from click where asked_at < $1")
        .bind(at - CLICKS.forgotten_micros)
        .execute(&mut *tx)
        .await?;
    for (later, frame) in (0..).zip(frames.iter().rev().take(MOST)) {
        // Two clicks within a microsecond are two all the same.
        sqlx::query(
            "insert into click (shot_id, frame, asked_at) values ($1, $2, $3)
             on conflict (shot_id, frame) do update set taken_until = 0,
                 asked_at = case when click.asked_at < excluded.asked_at then excluded.asked_at else click.asked_at + 1 end",
        )
        .bind(shot_id.to_string())
        .bind(i64::from(*frame))
        .bind(at - later)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// What was asked of a shot is not wanted any more: its mask grows, or another draft takes the place of this one. Lock the shot
/// first.
pub async fn withdraw(tx: &mut AnyConnection, shot_id: ShotId) -> Result<()> {
    sqlx::query("delete from click where shot_id = $1").bind(shot_id.to_string()).execute(&mut *tx).await?;
    sqlx::query("update draft set answered = null where shot_id = $1")
        .bind(shot_id.to_string())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Takes the newest click in hand: who clicks on waits for the last one.
pub async fn take(db: &Db) -> Result<Option<Click>> {
    CLICKS.take(db, read).await
}

fn read(row: &AnyRow) -> Result<Click> {
    Ok(Click { shot_id: row.word("shot_id")?, frame: row.count("frame")?, asked_at: row.int("asked_at")? })
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    Put,
    /// Somebody clicked again, or the mask grows: nothing was written.
    TooLate,
    /// Somebody painted on the frame meanwhile: nothing was written; look again.
    Again,
}

/// Puts the mask into the draft and says what made it, and the click is answered; all or none.
///
/// # Errors
/// The shot is not edited any more.
pub async fn answer(
    tx: &mut AnyConnection,
    click: Click,
    made: &MadeFrame,
    by: &GrownBy,
) -> Result<Answered> {
    shots::lock(tx, click.shot_id).await?;
    let waits: i64 =
        sqlx::query_scalar("select count(*) from click where shot_id = $1 and frame = $2 and asked_at = $3")
            .bind(click.shot_id.to_string())
            .bind(i64::from(click.frame))
            .bind(click.asked_at)
            .fetch_one(&mut *tx)
            .await?;
    if waits == 0 {
        return Ok(Answered::TooLate);
    }
    if !draft::put_answer(tx, click.shot_id, made).await? {
        return Ok(Answered::Again);
    }
    // A frame that a person locked stayed, so nothing answered there.
    if !draft::frame(&mut *tx, click.shot_id, click.frame).await?.locked {
        // Clocks of the server and of a worker elsewhere may differ.
        let ms = u32::try_from((now() - click.asked_at) / 1_000).unwrap_or_default();
        let answer = ClickAnswer { frame: click.frame, by: by.clone(), ms };
        draft::note_answer(tx, click.shot_id, &answer).await?;
    }
    forget(tx, click).await?;
    Ok(Answered::Put)
}

/// There is no answer to it. One on the same frame that came later stays.
pub async fn forget(tx: &mut AnyConnection, click: Click) -> Result<()> {
    sqlx::query("delete from click where shot_id = $1 and frame = $2 and asked_at = $3")
        .bind(click.shot_id.to_string())
        .bind(i64::from(click.frame))
        .bind(click.asked_at)
        .execute(&mut *tx)
        .await?;
    Ok(())
}
