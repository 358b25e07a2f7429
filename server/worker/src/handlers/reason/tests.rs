//! A model outside through the handler: nothing is sent where the project does not allow it; what it answers is kept with what it
//! took, and asked once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use db::Db;
use domain::outside::{Consent, Outside, Sends};
use domain::proposal::Accepted;
use domain::{BoxPrompt, Effect, Job};
use reasoner::Limits;
use storage::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::context::Pulse;
use crate::handlers::package::tests::{ingested, rows, work};
use crate::handlers::plan;
use crate::models::Models;
use crate::transact;

const ANSWER: &str = r#"{"edit_instruction": "Remove the square.", "confidence": 0.7,
    "scene_description": "Colour bars.",
    "integral_belongings": [{"noun": "hat", "why": "It is worn.",
        "grid_localizations": [{"frame": 2, "grid_regions": [{"row": 2, "col": 3}]}]}],
    "affected_objects": [{"noun": "shadow", "category": "visual_artifact", "why": "It is cast.", "will_move": false,
        "grid_localizations": [{"frame": 0, "grid_regions": [{"row": 6, "col": 1}, {"row": 70, "col": 1}]},
                               {"frame": 5, "grid_regions": [{"row": 6, "col": 4}]}]}]}"#;

/// An endpoint on this machine that answers every question with [`ANSWER`] and counts them.
async fn endpoint() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut line, _)) = listener.accept().await {
            let (mut text, mut piece) = (Vec::new(), vec![0; 1 << 16]);
            // The head, then as many bytes as it says.
            let length = loop {
                let read = line.read(&mut piece).await.unwrap_or(0);
                text.extend_from_slice(&piece[..read]);
                let head = text.windows(4).position(|four| four == b"\r\n\r\n");
                if let Some(at) = head {
                    let head = String::from_utf8_lossy(&text[..at]).to_lowercase();
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
                    break at + 4 + length.unwrap_or(0_usize);
                }
                if read == 0 {
                    break 0;
                }
            };
            while text.len() < length {
                match line.read(&mut piece).await {
                    Ok(read) if read > 0 => text.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            counted.fetch_add(1, Ordering::SeqCst);
            let body = serde_json::json!({
                "choices": [{ "message": { "content": ANSWER } }],
                "usage": { "prompt_tokens": 2_000, "completion_tokens": 300 },
            });
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            line.write_all((head + &body).as_bytes()).await.ok();
            line.shutdown().await.ok();
        }
    });
    (format!("http://{address}/v1"), asked)
}

async fn look_outside(db: &Db, store: &Store, setting: &Setting, shot_id: ShotId) -> anyhow::Result<()> {
    let (db, store, setting) = (db.clone(), store.clone(), setting.clone());
    let stage = tokio::task::spawn_blocking(move || {
        let models = Arc::new(Models::new(Path::new("none")));
        let job = Job::Reason { shot_id, by: By::Outside };
        let mut context = Context::new(db, store, Arc::new(Pulse::default()), models, plan(&job))?;
        context.outside = Some(setting);
        run(&context, shot_id, By::Outside)
    });
    stage.await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_outside_is_asked_where_the_project_allows_it_and_once() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (db, store) = (fresh.db.clone(), Store::open(folder.path().join("data")).expect("a store"));
    let studio = rows::Studio::new(&db).await;
    let (project_id, artist) = (studio.project_id, studio.artist);
    let shot_id = ingested(&db, &store, &studio, folder.path()).await;
    transact!(db, [], |tx| async move {
        let mut target = db::brief::add_target(tx, shot_id, artist, "square").await?;
        target.boxes.push(BoxPrompt { frame: 0, x0: 10.0, y0: 40.0, x1: 26.0, y1: 56.0 });
        db::brief::save_target(tx, shot_id, artist, &target).await
    })
    .expect("a target");
    work(&db, &store, Job::Segment { shot_id, by: Default::default() }, false).await.expect("segmented");

    let (endpoint, asked) = endpoint().await;
    let prices = "1/2 USD".parse().ok();
    let outside = Outside::new(&endpoint, "played", Sends::Clip, prices).expect("an address");
    let setting = Setting { outside: outside.clone(), key: None, limits: Limits::default() };
    let error = look_outside(&db, &store, &setting, shot_id).await.expect_err("not allowed");
    assert!(format!("{error:#}").contains("nothing was sent"), "{error:#}");
    let Outside { endpoint, model, sends, .. } = outside;
    let consent =
        Consent { endpoint, model: "another".into(), sends, by: studio.owner, who: "Olga".into(), at: 1 };
    let allow = async |consent: &Consent| {
        let consent = consent.clone();
        transact!(db, [consent], |tx| db::projects::set_outside(tx, project_id, Some(&consent)))
            .expect("allowed");
    };
    allow(&consent).await;
    look_outside(&db, &store, &setting, shot_id).await.expect_err("another model is allowed");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing left the building");

    allow(&Consent { model, ..consent }).await;
    look_outside(&db, &store, &setting, shot_id).await.expect("asked");
    look_outside(&db, &store, &setting, shot_id).await.expect("known");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the same question about the same pictures is asked once");
    let kept = db::proposals::of_shot(&db, shot_id).await.expect("read").expect("a search");
    assert_eq!(kept.scene.as_deref(), Some("Colour bars."));
    let cost = kept.asked.as_ref().and_then(|asked| asked.cost.clone());
    assert_eq!(cost.as_deref(), Some("0.0026 USD"));
    assert!(kept.notes.iter().any(|note| note.contains("cell 70, 1")), "{:?}", kept.notes);
    let effects: Vec<Effect> = kept.all.iter().map(|judged| judged.proposal.effect).collect();
    assert_eq!(effects, [Effect::Belonging, Effect::Shadow]);
    assert!(kept.all[1].picture.is_some());

    // The belonging joins the target; words that change make it another question.
    let id = kept.all[0].proposal_id;
    let hat = transact!(db, [], |tx| db::proposals::accept(tx, shot_id, id, artist, 1)).expect("accepted");
    assert!(matches!(hat, Accepted::Target(ref target) if target.boxes.len() == 1), "{hat:?}");
    look_outside(&db, &store, &setting, shot_id).await.expect("asked again");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the target has another part now");
}
