//! How many statements a list takes: as many for a hundred rows as for one. Alone in its process, since it counts all.

#[path = "harness/mod.rs"]
#[expect(dead_code, reason = "this test needs only a part of it")]
mod harness;

use std::sync::atomic::{AtomicUsize, Ordering};

use db::comments::{Place, Said};
use db::threads::Eyes;
use domain::Role;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);

struct Count;

impl<S: tracing::Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        // What a new connection says first is none of the list's.
        if event.metadata().target() == "sqlx::query" && text.0.contains("select") {
            STATEMENTS.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// All fields of an event.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{value:?} ");
    }
}

#[tokio::test]
async fn a_list_of_comments_takes_as_many_statements_for_a_hundred_as_for_one() {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Count)).expect("the first");
    for fresh in [Some(harness::sqlite().await), harness::postgres().await].into_iter().flatten() {
        let db = &fresh.db;
        let studio = harness::Studio::new(db).await;
        let shot_id = studio.shot("counted").await;
        let place = Place { shot_id, version_id: None, frames: None, client_visible: false };
        let said = Said { text: "The edge shows.".into(), drawing: None };
        let author = studio.owner;
        let mut counts = Vec::new();
        for threads in [1, 25] {
            for _ in 0..threads {
                let said = said.clone();
                db.write(move |tx| {
                    let said = said.clone();
                    Box::pin(async move {
                        let thread_id =
                            db::comments::start(tx, place, author, (author, Role::Owner), &said).await?;
                        for _ in 0..3 {
                            db::comments::reply(tx, thread_id, author, (author, Role::Owner), &said).await?;
                        }
                        Ok(())
                    })
                })
                .await
                .expect("said");
            }
            let before = STATEMENTS.load(Ordering::Relaxed);
            let list = db::threads::list(db, shot_id, author, Eyes::Team).await.expect("threads");
            counts.push((list.len() > 20, STATEMENTS.load(Ordering::Relaxed) - before));
        }
        let [(false, few), (true, many)] = counts[..] else { panic!("{counts:?}") };
        assert!(few > 0 && few == many, "{few} statements for one thread, {many} for many");
    }
}
