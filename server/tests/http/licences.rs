//! Accepting the licence of a model: who may, what is on record about it, and that twice is once.

use app::api::audit::{AuditRow, ListAudit};
use app::api::models::{AcceptLicence, ListModels, ModelRow, ModelsView};
use domain::{Action, Deed, Role, may};
use reqwest::StatusCode;

use crate::harness::{Actor, TestApp};

async fn of(actor: &Actor, slug: &str) -> ModelRow {
    let view: ModelsView = actor.ask(&ListModels {}).await.expect("models");
    view.models.into_iter().find(|model| model.slug == slug).expect("the model")
}

async fn accept(actor: &Actor, slug: &str) -> Result<(), (StatusCode, String)> {
    actor.form(&AcceptLicence { slug: slug.into() }).await
}

/// Lines about licences.
async fn lines(owner: &Actor) -> Vec<AuditRow> {
    let filter = ListAudit { deed: Some(Deed::LicenceAccepted), person_id: None, before: None };
    owner.send(&filter).await.expect("the trail")
}

#[tokio::test]
async fn a_licence_is_accepted_once_by_whoever_may_and_the_record_says_who_and_when() {
    for app in TestApp::each_in_a_folder("no blob is touched").await {
        let engine = app.engine();
        let owner = app.owner().await;
        for role in Role::ALL.into_iter().filter(|role| !may(*role, Action::ManageDisk)) {
            let (status, _) =
                accept(&app.member(&owner, role, None).await, "void").await.expect_err("refused");
            assert_eq!(status, StatusCode::FORBIDDEN, "{engine} {role:?}");
        }
        let (status, _) = accept(&app.nobody(), "void").await.expect_err("refused");
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{engine}");
        let (status, _) = accept(&owner, "another").await.expect_err("there is none");
        assert_eq!(status, StatusCode::NOT_FOUND, "{engine}");
        assert_eq!(of(&owner, "void").await.accepted, None, "{engine}");
        assert!(lines(&owner).await.is_empty(), "{engine}: what was refused is not on record as done");

        let before = db::now();
        let producer = app.member(&owner, Role::Producer, None).await;
        accept(&producer, "void").await.expect("accepted");
        let (who, at) = of(&owner, "void").await.accepted.expect("accepted");
        // The book counts whole seconds.
        assert!(who == "producer" && (before - 1_000_000..=db::now()).contains(&at), "{engine} {who} {at}");
        let told = lines(&owner).await;
        assert_eq!(told.len(), 1, "{engine} {told:?}");
        assert!(told[0].who == "producer" && told[0].at >= before, "{engine} {told:?}");
        assert!(told[0].about.contains(&of(&owner, "void").await.licence), "{engine} {told:?}");

        // Twice is once, and who was first stays.
        accept(&producer, "void").await.expect("again");
        accept(&owner, "void").await.expect("by another");
        assert_eq!(of(&owner, "void").await.accepted, Some((who, at)), "{engine}");
        assert_eq!(lines(&owner).await, told, "{engine}");
        accept(&owner, "raft").await.expect("another model");
        assert_eq!(lines(&owner).await.len(), 2, "{engine}");
    }
}

#[tokio::test]
async fn what_was_not_written_down_is_not_told_of_as_accepted() {
    for app in TestApp::each_in_a_folder("no blob is touched").await {
        let owner = app.owner().await;
        let folder = app.state.app.models.folder();
        std::fs::create_dir_all(folder).expect("a folder");
        let book = folder.join("models.json");
        std::fs::write(&book, "{").expect("half a book");
        let (status, said) = accept(&owner, "void").await.expect_err("the book is broken");
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        assert!(said.contains("Move it away"), "{said}");
        assert!(lines(&owner).await.is_empty(), "{}", app.engine());
        // A line that a broken database lost is made up for by whoever accepts again.
        std::fs::remove_file(&book).expect("moved away");
        models::Book::accept(folder, models::find("void").expect("known"), "Owner").expect("written");
        accept(&owner, "void").await.expect("again");
        assert_eq!(lines(&owner).await.len(), 1, "{}", app.engine());
    }
}
