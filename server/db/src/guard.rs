//! Decisions are never changed, and the database itself says so: triggers that refuse it, in each engine's own words. Deleting
//! a shot for good is the one exception: it names the shot in `deletion` for its own transaction.

use sqlx::AnyConnection;
use sqlx::any::AnyExecutor;

use crate::{Engine, Result};

const SQLITE: [&str; 2] = [
    "create trigger if not exists decision_is_not_changed before update on decision
     begin select raise(abort, 'a decision is never changed'); end",
    "create trigger if not exists decision_is_not_deleted before delete on decision
     when not exists (select 1 from deletion d where d.shot_id = old.shot_id)
     begin select raise(abort, 'a decision goes only with its shot'); end",
];

const POSTGRES: [&str; 6] = [
    "create or replace function decision_is_not_changed() returns trigger language plpgsql as $$
     begin raise exception 'a decision is never changed'; end $$",
    "create or replace function decision_is_not_deleted() returns trigger language plpgsql as $$
     begin
         if not exists (select 1 from deletion d where d.shot_id = old.shot_id) then
             raise exception 'a decision goes only with its shot';
         end if;
         return old;
     end $$",
    "drop trigger if exists decision_is_not_changed on decision",
    "create trigger decision_is_not_changed before update or truncate on decision
     for each statement execute function decision_is_not_changed()",
    "drop trigger if exists decision_is_not_deleted on decision",
    "create trigger decision_is_not_deleted before delete on decision
     for each row execute function decision_is_not_deleted()",
];

/// Puts the triggers where they are missing. The tables are up to date.
pub(crate) async fn decisions(tx: &mut AnyConnection, engine: Engine) -> Result<()> {
    if are_there(&mut *tx, engine).await? {
        return Ok(());
    }
    let statements: &[&str] = match engine {
        Engine::Sqlite => &SQLITE,
        Engine::Postgres => &POSTGRES,
    };
    for statement in statements {
        sqlx::query(*statement).persistent(false).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Whether none is missing. Asked first, since making them waits for everybody who reads decisions.
pub(crate) async fn are_there<'e>(executor: impl AnyExecutor<'e>, engine: Engine) -> Result<bool> {
    let asked = match engine {
        Engine::Sqlite => {
            "select count(*) from sqlite_master where type = 'trigger'
             and name in ('decision_is_not_changed', 'decision_is_not_deleted')"
        }
        Engine::Postgres => {
            "select count(*) from pg_trigger t join pg_class c on c.oid = t.tgrelid
             where c.relname = 'decision' and c.relnamespace = cast(current_schema() as regnamespace)
             and cast(t.tgname as text) in ('decision_is_not_changed', 'decision_is_not_deleted')"
        }
    };
    let found: i64 = sqlx::query_scalar(asked).persistent(false).fetch_one(executor).await?;
    Ok(found == 2)
}
