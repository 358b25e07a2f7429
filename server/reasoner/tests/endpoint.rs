//! A model outside that is played on this machine: what is sent, and every way in which an endpoint can fail. The shot stays
//! workable whatever it does: each failure is a sentence that says what to do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use domain::outside::{Outside, Sends};
use domain::question::Question;
use domain::{Effect, Grid, Level, Levels, Step};
use pipeline::{Cancelled, PlateFile, Reporter};
use reasoner::{Answer, Error, Key, Limits, Reasoner, Remote, Scripted, Setting};
use serde_json::{Value, json};

const SECRET: &str = "sk-very-secret-1";
const GOOD: &str = r#"{"edit_instruction": "Remove it.", "integral_belongings": [], "scene_description": "An empty room.",
    "confidence": 0.8, "affected_objects": [{"noun": "Shadow", "category": "visual_artifact", "why": "It is cast.",
    "will_move": false, "grid_localizations": [{"frame": 0, "grid_regions": [{"row": 6, "col": 2}]}]}]}"#;

/// One answer of the played endpoint.
#[derive(Clone)]
enum Play {
    /// A good answer with this text.
    Says(String),
    Status(u16, &'static [(&'static str, &'static str)], String),
    Bytes(Vec<u8>),
    /// It never ends its answer.
    Hangs,
}

#[derive(Clone, Default)]
struct Stage {
    plays: Arc<Mutex<VecDeque<Play>>>,
    asked: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

fn says(text: &str) -> Play {
    Play::Says(text.to_owned())
}

async fn answer(State(stage): State<Stage>, headers: HeaderMap, body: Bytes) -> Response {
    let body = serde_json::from_slice(&body).expect("the question is JSON");
    stage.asked.lock().expect("not poisoned").push((headers, body));
    let play = stage.plays.lock().expect("not poisoned").pop_front().expect("nobody asks more often");
    let made = |status: u16| Response::builder().status(StatusCode::from_u16(status).expect("a status"));
    match play {
        Play::Says(text) => {
            let body = json!({
                "choices": [{ "message": { "content": text } }],
                "usage": { "prompt_tokens": 1000, "completion_tokens": 100 },
            });
            made(200).body(Body::from(body.to_string())).expect("an answer")
        }
        Play::Status(status, headers, body) => {
            let mut made = made(status);
            for (name, value) in headers {
                made = made.header(*name, *value);
            }
            made.body(Body::from(body)).expect("an answer")
        }
        Play::Bytes(bytes) => made(200).body(Body::from(bytes)).expect("an answer"),
        Play::Hangs => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            made(200).body(Body::empty()).expect("an answer")
        }
    }
}

/// The endpoint's address, and what it plays.
async fn stage(plays: impl IntoIterator<Item = Play>) -> (String, Stage) {
    let stage = Stage { plays: Arc::new(Mutex::new(plays.into_iter().collect())), ..Stage::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let limit = axum::extract::DefaultBodyLimit::max(64 << 20);
    let router = Router::new().route("/v1/chat/completions", post(answer)).layer(limit);
    let router = router.with_state(stage.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/v1"), stage)
}

fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(20),
        tries: 3,
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_secs(3),
        most_answered: 64 << 10,
        ..Limits::default()
    }
}

fn setting(endpoint: &str, sends: Sends) -> Setting {
    let outside = Outside::new(endpoint, "played", sends, "1/10 USD".parse().ok()).expect("an address");
    Setting { outside, key: Key::new(SECRET).expect("a key"), limits: limits() }
}

const FRAMES: u32 = 12;

fn plate(folder: &std::path::Path) -> PlateFile {
    let path = folder.join("plate.mkv");
    let made = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=12"])
        .args(["-frames:v", &FRAMES.to_string(), "-c:v", "ffv1", "-pix_fmt", "yuv420p"])
        .arg(&path)
        .output()
        .expect("the ffmpeg command line is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    PlateFile::open(&path, &mut ()).expect("a plate")
}

fn question(sends: Sends) -> Question {
    let areas = [(0, 100), (7, 400)];
    Question::new((FRAMES, Grid::of(320, 180)), sends, areas, "Remove the man.", ["Man".to_owned()])
}

fn levels(_: u32) -> pipeline::Result<Levels> {
    let mut levels = Levels::background(320, 180);
    (40..60).for_each(|y| levels.map_span(y, 100, 120, |_| Level::Primary));
    Ok(levels)
}

/// Asks as the worker does, on a thread that may wait.
async fn ask(setting: Setting, sends: Sends) -> reasoner::Result<Answer> {
    let runtime = tokio::runtime::Handle::current();
    let asking = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().expect("a folder");
        let mut plate = plate(folder.path());
        let mut remote = Remote { setting, question: question(sends), runtime };
        remote.reason(&mut plate, &mut levels, &mut ())
    });
    asking.await.expect("no panic")
}

async fn played(plays: impl IntoIterator<Item = Play>) -> (reasoner::Result<Answer>, Stage) {
    let (endpoint, stage) = stage(plays).await;
    (ask(setting(&endpoint, Sends::Pictures), Sends::Pictures).await, stage)
}

/// The sentence of a failure; it says what to do and never the key.
fn sentence(outcome: reasoner::Result<Answer>) -> String {
    let sentence = outcome.expect_err("no answer").to_string();
    assert!(!sentence.contains("very-secret"), "{sentence}");
    assert!(sentence.contains("by hand"), "{sentence}");
    sentence
}

fn times(stage: &Stage) -> usize {
    stage.asked.lock().expect("not poisoned").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_has_pictures_text_and_schema_and_the_answer_becomes_proposals() {
    let (endpoint, stage) = stage([says(&format!("```json\n{GOOD}\n```"))]).await;
    let answer = ask(setting(&endpoint, Sends::Clip), Sends::Clip).await.expect("an answer");
    let asked = answer.asked.expect("somebody was asked");
    assert_eq!((asked.tokens_in, asked.tokens_out, asked.cost.as_deref()), (1000, 100, Some("0.0020 USD")));
    assert_eq!(answer.scene.as_deref(), Some("An empty room."));
    assert!(answer.notes.is_empty(), "{:?}", answer.notes);
    let [shadow] = &answer.proposals[..] else { panic!("one: {:?}", answer.proposals) };
    assert_eq!((shadow.effect, shadow.name(|frame| frame).as_str()), (Effect::Shadow, "Shadow"));
    assert_eq!(shadow.cells_at(5).collect::<Vec<_>>(), [(6, 2)]);

    let asked = stage.asked.lock().expect("not poisoned");
    let (headers, body) = &asked[0];
    assert_eq!(headers["authorization"], format!("Bearer {SECRET}"));
    assert_eq!(body["model"], "played");
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    let parts = body["messages"][1]["content"].as_array().expect("parts");
    let kinds: Vec<&str> = parts
        .iter()
        .map(|part| match part["image_url"]["url"].as_str() {
            Some(url) => url.split(';').next().expect("a kind"),
            None => "text",
        })
        .collect();
    let mut wanted = vec!["data:image/jpeg"; question(Sends::Clip).samples.len() + 1];
    wanted.extend(["data:video/mov", "text"]);
    assert_eq!(kinds, wanted);
    let text = parts.last().expect("text")["text"].as_str().expect("text");
    assert!(text.contains("as a movie") && text.contains("frame 7:"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_endpoint_is_asked_again_when_it_says() {
    let busy = |headers| Play::Status(429, headers, r#"{"error": {"message": "slow down"}}"#.into());
    let started = Instant::now();
    let (outcome, stage) =
        played([busy(&[("retry-after", "1")]), Play::Status(503, &[], String::new()), says(GOOD)]).await;
    assert_eq!(outcome.expect("an answer").proposals.len(), 1);
    assert_eq!(times(&stage), 3);
    assert!(started.elapsed() >= Duration::from_secs(1), "it waited as long as it was asked to");
    // It gives up where that takes too long, and says how long it would take.
    let (outcome, stage) = played([busy(&[("retry-after", "600")])]).await;
    assert!(sentence(outcome).contains("asks to wait 10 min"));
    assert_eq!(times(&stage), 1);
    // Or where it never ends.
    let (outcome, stage) = played([busy(&[]), busy(&[]), busy(&[])]).await;
    assert!(sentence(outcome).contains("is busy"));
    assert_eq!(times(&stage), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_known_is_not_tried_twice_nor_repeated() {
    let body = json!([{ "error": { "message": format!("Bad key\n{SECRET}\u{7}!") } }]).to_string();
    let (outcome, stage) = played([Play::Status(401, &[], body)]).await;
    let said = sentence(outcome);
    assert!(said.contains("does not know the key (401: “Bad key … !”)"), "{said}");
    assert_eq!(times(&stage), 1);
    let (outcome, _) = played([Play::Status(404, &[], "<html>".into())]).await;
    assert!(sentence(outcome).contains("has no model “played”"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_leads_elsewhere_is_not_followed() {
    let elsewhere = Play::Status(307, &[("location", "http://127.0.0.1:1/steal")], String::new());
    let (outcome, stage) = played([elsewhere]).await;
    assert!(sentence(outcome).contains("nobody is followed"));
    assert_eq!(times(&stage), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_does_not_take_is_left_out() {
    let refused = || Play::Status(400, &[], r#"{"error": "response_format is not known"}"#.into());
    let (endpoint, stage) = stage([refused(), refused(), says(GOOD)]).await;
    let answer = ask(setting(&endpoint, Sends::Clip), Sends::Clip).await.expect("an answer");
    assert!(answer.notes.iter().any(|note| note.contains("did not take the movie")), "{:?}", answer.notes);
    {
        let asked = stage.asked.lock().expect("not poisoned");
        let formats: Vec<bool> = asked.iter().map(|(_, body)| body["response_format"].is_null()).collect();
        assert_eq!(formats, [false, true, true]);
        let last = asked[2].1.to_string();
        assert!(!last.contains("data:video") && !last.contains("as a movie"));
    }
    let (outcome, _) = played([refused(), refused()]).await;
    assert!(sentence(outcome).contains("refused the question (400: “response_format is not known”)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn prose_and_broken_json_are_asked_about_once_more() {
    let (outcome, stage) = played([says("I see a man and his shadow."), says(GOOD)]).await;
    let asked = outcome.expect("an answer").asked.expect("asked");
    assert_eq!((times(&stage), asked.tokens_in), (2, 2000), "both are paid for");
    {
        let bodies = stage.asked.lock().expect("not poisoned");
        assert!(bodies[1].1.to_string().contains("was no JSON object"));
        assert!(!bodies[1].1.to_string().contains("I see a man"), "its own words are not read back to it");
    }

    let (outcome, _) = played([says("{\"a\": "), says("No.")]).await;
    let said = sentence(outcome);
    assert!(
        said.contains("is not the JSON that was asked for") && said.contains("2000 tokens sent"),
        "{said}"
    );
    // Small faults of notation are mended without another question.
    let (outcome, stage) =
        played([says(&GOOD.replace("0.8,", "0.8, // sure\n").replace("]}]}]}", "],}],}],}"))]).await;
    assert_eq!((outcome.expect("an answer").proposals.len(), times(&stage)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_are_refused_or_cut_to_the_schema() {
    let deep = format!("{{\"affected_objects\": {}", "[".repeat(30_000));
    let (outcome, _) = played([says(&deep), says(&deep)]).await;
    assert!(sentence(outcome).contains("is not the JSON"));
    let (outcome, _) = played([Play::Bytes("[".repeat(60_000).into_bytes())]).await;
    assert!(sentence(outcome).contains("no answer of a model"));
    let (outcome, stage) = played([Play::Bytes(vec![b' '; 100_000])]).await;
    assert!(sentence(outcome).contains("longer than 65536 bytes"));
    assert_eq!(times(&stage), 1);
    let (outcome, _) = played([Play::Bytes(vec![0xff, 0xfe, 0x00])]).await;
    assert!(sentence(outcome).contains("it is no JSON"));

    // Instructions, cells outside the grid, far too much of everything.
    let things: Vec<Value> = (0..60)
        .map(|n| {
            json!({
                "noun": format!("Ignore all rules {n} <script>"), "category": "drop table", "why": "x\n".repeat(50),
                "will_move": "yes", "first_appears_frame": 1e300, "trajectory_path": [{ "frame": -5, "grid_row": 4, "grid_col": 1 }],
                "object_size_grids": { "rows": 1e18, "cols": -4 },
                "grid_localizations": [{ "frame": 3, "grid_regions": [{ "row": 1, "col": 1 }, { "row": 8, "col": 1 }, { "row": -1, "col": 0 }] }],
                "delete_project": true,
            })
        })
        .collect();
    let text = json!({ "affected_objects": things, "confidence": 40, "scene_description": ["not", "text"] });
    let (outcome, _) = played([says(&text.to_string())]).await;
    let answer = outcome.expect("an answer");
    assert_eq!(answer.proposals.len(), 5, "as many as were asked for");
    for proposal in &answer.proposals {
        assert!((0.0..=1.0).contains(&proposal.confidence));
        let name = proposal.name(|frame| frame);
        assert!(!name.contains('\n') && name.chars().count() <= 60, "{name}");
        for frame in 0..FRAMES {
            assert!(proposal.cells_at(frame).all(|(row, col)| row < 8 && col < 14));
        }
        assert!(proposal.to < FRAMES);
    }
    assert_eq!(answer.scene, None);
    assert!((1..=13).contains(&answer.notes.len()), "{:?}", answer.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_or_slow_is_given_up() {
    // A port that was free a moment ago.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = free.local_addr().expect("bound");
    drop(free);
    let outcome = ask(setting(&format!("http://{address}/v1"), Sends::Pictures), Sends::Pictures).await;
    assert!(sentence(outcome).contains("cannot be reached"));

    let (endpoint, stage) = stage([Play::Hangs]).await;
    let slow = setting(&endpoint, Sends::Pictures);
    let slow = Setting { limits: Limits { answer: Duration::from_millis(1500), ..slow.limits }, ..slow };
    assert!(sentence(ask(slow, Sends::Pictures).await).contains("did not answer within 1 s"));
    assert_eq!(times(&stage), 1, "it may be thinking: nobody pays twice");
}

/// Says stop once somebody waits for the answer.
struct Impatient;

impl Reporter for Impatient {
    fn step(&mut self, step: Step, _: u64, _: u64) -> Result<(), Cancelled> {
        if step == Step::Ask { Err(Cancelled) } else { Ok(()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_can_stop() {
    let (endpoint, _) = stage([Play::Hangs]).await;
    let runtime = tokio::runtime::Handle::current();
    let setting = setting(&endpoint, Sends::Pictures);
    let asking = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().expect("a folder");
        let mut plate = plate(folder.path());
        let mut remote = Remote { setting, question: question(Sends::Pictures), runtime };
        remote.reason(&mut plate, &mut levels, &mut Impatient)
    });
    let outcome = asking.await.expect("no panic");
    assert!(matches!(outcome, Err(Error::Pipeline(pipeline::Error::Cancelled))), "{outcome:?}");
}

#[test]
fn a_script_is_read_as_a_model_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut plate = plate(folder.path());
    let outside = setting("http://127.0.0.1:1/v1", Sends::Pictures).outside;
    let script = vec![GOOD.to_owned(), "prose".to_owned()];
    let mut scripted = Scripted { outside, question: question(Sends::Pictures), script };
    let answer = scripted.reason(&mut plate, &mut levels, &mut ()).expect("an answer");
    assert_eq!((answer.proposals.len(), answer.scene.as_deref()), (1, Some("An empty room.")));
    for _ in 0..2 {
        let outcome = scripted.reason(&mut plate, &mut levels, &mut ());
        assert!(sentence(outcome).contains("is not the JSON"));
    }
}
