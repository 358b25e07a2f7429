//! `minus-one users`: accounts, from the command line of the machine that holds the data.

use std::io::Write;

use anyhow::Context;
use clap::Subcommand;
use db::audit::Note;
use domain::{Deed, Hash};

use crate::config::Place;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every account: e-mail, role, name, and whether it is active.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// A link with which somebody who lost the password chooses a new one. It works once, for a day.
    ResetLink {
        /// The account's e-mail address.
        email: String,
        /// The server's port, where --public-url is not given.
        #[arg(long, default_value_t = 8998)]
        port: u16,
        #[command(flatten)]
        place: Place,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List { place } => list(&place.open_existing().await?).await,
        Command::ResetLink { email, port, place } => {
            let link =
                reset_link(&place.open_existing().await?, &place.public_url("http", port)?, &email).await?;
            writeln!(std::io::stdout(), "{link}")?;
            Ok(())
        }
    }
}

async fn list(db: &db::Db) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (person, _) in db::people::list(db).await? {
        let state = if person.active { "active" } else { "deactivated" };
        writeln!(out, "{}\t{}\t{}\t{state}", person.email, person.role.word(), person.name)?;
    }
    Ok(())
}

/// Makes the link and notes that it was made here.
pub async fn reset_link(db: &db::Db, public_url: &str, email: &str) -> anyhow::Result<String> {
    let account = db::people::by_email(db, email).await?.with_context(|| {
        format!("Nobody has the e-mail address {email}: `minus-one users list` shows who is here")
    })?;
    let token = Hash::from_digest(rand::random()).to_string();
    let token_hash = Hash::of(token.as_bytes()).to_string();
    let person = account.person;
    let note = Note::by_hand(Deed::ResetLinkMade, format!("for {} ({})", person.name, person.email));
    db.write(move |tx| {
        let (token_hash, note) = (token_hash.clone(), note.clone());
        Box::pin(async move {
            db::resets::make(tx, &token_hash, person.person_id, None).await?;
            db::audit::add(tx, &note).await
        })
    })
    .await?;
    Ok(format!("{public_url}{}", app::routes::href::reset(&token)))
}
