//! The whole table of rights, as it is: every route, page and server function as nobody, as guests of links that are open, other
//! ones, revoked and expired, as each role, and as members of another project. It is made here and kept in `rights.md`, so that
//! whoever changes a right sees what else that changed; what must hold whatever the file says is checked too.

mod asked;
mod row;
mod stage;

use std::collections::BTreeSet;
use std::fmt::Write;

use app::api::threads::StartThread;
use domain::{Action, Role, may};
use leptos::server_fn::ServerFn;
use leptos::server_fn::axum::server_fn_paths;
use server::router::PAGES;

use self::row::{Kind, Of, PAST, Row};
use self::stage::{Seat, Stage, Studio};
use crate::routes::{fits, routes, without_names};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/rights.md");

/// What nobody may: before anybody is signed in, the way into a link, and what machines ask.
const PUBLIC: [&str; 17] = [
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "OPTIONS /api/uploads",
    "OPTIONS /api/uploads/{upload}",
    "page /sign-in",
    "page /invite/{invitation}",
    "page /reset/{reset}",
    "CreateOwner",
    "SignIn",
    "SignOut",
    "GetViewer",
    "GetInvitation",
    "AcceptInvitation",
    "GetReset",
    "ResetPassword",
    "UnlockShare",
];

/// What the guest of another link does at that link's own address, which names nothing of this one.
const OWN: [&str; 3] = ["GetShare", "JoinShare", "GET /share-media/{token}/events"];

/// No package is for guests.
const NEVER_FOR_GUESTS: &str = "GET /share-media/{token}/versions/{version}/deliveries/h264.zip";

/// One column: what each row answered, and what of that must not be.
struct Column {
    seat: Seat,
    cells: Vec<String>,
    problems: Vec<String>,
}

async fn asked(stage: &Stage, studio: &Studio) -> Column {
    let (mut cells, mut problems) = (Vec::new(), Vec::new());
    for row in stage.rows(studio) {
        let seen = row.seen_by(&stage.actor).await;
        let who = format!("{} for {}: {} ({})", row.name, stage.seat.title(), seen.cell, seen.status);
        if seen.status.is_server_error() && row.name != "GET /readyz" {
            problems.push(format!("{who}: the server broke"));
        }
        if let Some(why) = wrong(&row, stage.seat, &seen.cell) {
            problems.push(format!("{who}: {why}"));
        }
        for name in [&stage.project_name, &stage.shot_name] {
            let is_told = seen.text.as_ref().is_some_and(|text| text.contains(name.as_str()));
            let is_guests = stage.seat == Seat::Guest && *name == stage.shot_name;
            if is_told && !stage.seat.sees() && !is_guests {
                problems.push(format!("{who}: it names “{name}”"));
            }
        }
        cells.push(seen.cell);
    }
    Column { seat: stage.seat, cells, problems }
}

/// Why this answer must not be; `None`: it may.
fn wrong(row: &Row, seat: Seat, cell: &str) -> Option<&'static str> {
    let (is_past, is_page) = (cell == PAST, row.kind() == Kind::Page);
    let is_public = PUBLIC.contains(&row.name.as_str());
    if seat == Seat::Nobody && is_past && !is_public {
        return Some("nobody comes so far");
    }
    if row.of == Of::Everybody {
        return None;
    }
    match seat {
        Seat::Guest if row.of == Of::Link => {
            let is_wrong = is_past != (row.name != NEVER_FOR_GUESTS);
            return is_wrong.then_some("the link shows just this");
        }
        Seat::OtherLink if OWN.contains(&row.name.as_str()) => return None,
        Seat::Inside(_) | Seat::Outside(_) if row.of != Of::Link => {}
        _ if is_past => return Some("this is nothing to them"),
        // A link says itself why it does not open.
        _ if row.of == Of::Link => return None,
        _ => {
            let wanted = if is_page { "sign-in" } else { "401" };
            return (cell != wanted).then_some("they are not signed in");
        }
    }
    let role = seat.role()?;
    if row.of == Of::Project && !seat.sees() {
        let is_wrong = if is_page { is_past } else { cell != "404" };
        return is_wrong.then_some("of a project that is not theirs nothing is there");
    }
    let action = row.action?;
    // What a client begins is for clients, whatever it says.
    let action = match action {
        Action::ShowClient if role == Role::Client && row.path == StartThread::PATH => Action::Comment,
        action => action,
    };
    (is_past != may(role, action)).then_some("the table of rights says otherwise")
}

/// Functions, routes and pages that have no row.
fn missing(rows: &[Row], pages: &[String]) -> Vec<String> {
    let of = |kind: Kind| -> BTreeSet<&str> {
        let known = rows.iter().filter(|row| row.kind() == kind);
        known.map(|row| row.path.split('?').next().unwrap_or_default()).collect()
    };
    let functions = of(Kind::Function);
    let functions = server_fn_paths().map(|(path, _)| path).filter(|path| !functions.contains(path));
    let addresses = of(Kind::Route);
    let routes = routes().into_iter().filter(|route| !addresses.iter().any(|at| fits(route, at)));
    let seen = of(Kind::Page);
    let pages = pages.iter().filter(|page| !seen.iter().any(|at| fits(page, at))).cloned();
    functions.map(str::to_owned).chain(routes).chain(pages).collect()
}

fn markdown(rows: &[Row], columns: &[Column]) -> String {
    let mut text = format!(
        "# Who reaches what\n\n\
         Made by `table.rs` beside it (`UPDATE_RIGHTS=1`), and compared by it each time. {PAST}: gone past the gate. Else what \
         refused: 401 not signed in, or the link asks for its password; 403 the role or the link does not allow it; 404 it is not \
         there for them; 410 the link is over; “sign-in”: the page leads there; “→”: it leads elsewhere; “nothing”: the page \
         shows nothing of it.\n"
    );
    let heads: Vec<String> = columns.iter().map(|column| column.seat.title()).collect();
    for (kind, title) in
        [(Kind::Route, "Routes"), (Kind::Page, "Pages"), (Kind::Function, "Server functions")]
    {
        write!(text, "\n## {title}\n\n| | {} |\n|---|", heads.join(" | ")).expect("text");
        text += &":-:|".repeat(columns.len());
        text.push('\n');
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.kind() == kind) {
            let cells: Vec<&str> = columns.iter().map(|column| column.cells[at].as_str()).collect();
            writeln!(text, "| {} | {} |", row.name, cells.join(" | ")).expect("text");
        }
    }
    text
}

/// Lines of one text that the other has not.
fn only_in<'a>(one: &'a str, other: &str) -> Vec<&'a str> {
    let known: BTreeSet<&str> = other.lines().collect();
    one.lines().filter(|line| !known.contains(line)).collect()
}

/// `None`: the file says the same.
fn compared(made: &str) -> Option<String> {
    let kept = std::fs::read_to_string(FILE).ok();
    if kept.as_deref() == Some(made) {
        return None;
    }
    if kept.is_none() || std::env::var("UPDATE_RIGHTS").is_ok_and(|on| on == "1") {
        std::fs::write(FILE, made).expect("the file can be written");
    }
    let Some(kept) = kept else { return Some(format!("{FILE} was written; read it and commit it")) };
    if std::env::var("UPDATE_RIGHTS").is_ok_and(|on| on == "1") {
        return None;
    }
    let (gone, new) = (only_in(&kept, made), only_in(made, &kept));
    Some(format!(
        "rights changed; run this with UPDATE_RIGHTS=1 if they should have\n- {}\n+ {}",
        gone.join("\n- "),
        new.join("\n+ ")
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_table_of_rights_is_the_one_that_is_kept() {
    let studio = Studio::open().await;
    let mut stages = Vec::new();
    for (n, seat) in Seat::all().into_iter().enumerate() {
        stages.push(studio.stage(n, seat).await);
    }
    let pages: Vec<String> = PAGES.iter().map(|page| without_names(page.path())).collect();
    let rows = stages[0].rows(&studio);
    let missing = missing(&rows, &pages);
    assert!(missing.is_empty(), "in no row of the table of rights: {missing:#?}");
    let is_gone = |row: &&Row| row.kind() == Kind::Page && !pages.iter().any(|page| fits(page, &row.path));
    let gone: Vec<&str> = rows.iter().filter(is_gone).map(|row| row.name.as_str()).collect();
    assert!(gone.is_empty(), "rows of no page: {gone:?}");
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "each row has a name of its own");
    for name in PUBLIC.iter().chain(&OWN).chain([&NEVER_FOR_GUESTS]) {
        assert!(names.contains(name), "{name} is no row any more");
    }

    let columns = futures::future::join_all(stages.iter().map(|stage| asked(stage, &studio))).await;
    let made = markdown(&rows, &columns);
    let mut problems: Vec<String> = columns.into_iter().flat_map(|column| column.problems).collect();
    problems.extend(compared(&made));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
