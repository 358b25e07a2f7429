//! Owners, invitations, throttled sign-in.

use domain::Role;

use crate::harness::Studio;
use crate::{rules, transact};

rules! {
    async fn the_last_owner_stays_owner_and_active(db) {
        let studio = Studio::new(&db).await;
        let owner = studio.owner;
        let demoted = transact!(db, [], |tx| db::people::set_role(tx, owner, Role::Artist));
        assert!(matches!(demoted, Err(db::Error::Invalid(_))), "{demoted:?}");
        let retired = transact!(db, [], |tx| db::people::set_active(tx, owner, false));
        assert!(matches!(retired, Err(db::Error::Invalid(_))), "{retired:?}");
    }

    async fn of_two_owners_who_step_down_at_once_one_stays(db) {
        let studio = Studio::new(&db).await;
        let (one, two) = (studio.owner, studio.supervisor);
        transact!(db, [], |tx| db::people::set_role(tx, two, Role::Owner)).expect("two owners");
        let (db1, db2) = (db.clone(), db.clone());
        let outcomes = tokio::join!(
            tokio::spawn(async move { transact!(db1, [], |tx| db::people::set_role(tx, one, Role::Artist)) }),
            tokio::spawn(async move { transact!(db2, [], |tx| db::people::set_active(tx, two, false)) }),
        );
        let won = [outcomes.0.expect("ran").is_ok(), outcomes.1.expect("ran").is_ok()];
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    }

    async fn the_first_start_makes_one_owner(db) {
        let tries = (0..6).map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                let email = format!("owner{n}@studio.test");
                transact!(db, [email], |tx| db::people::create_owner(tx, "Olga", &email, "hash"))
            })
        });
        let mut made = 0;
        for attempt in tries.collect::<Vec<_>>() {
            made += usize::from(attempt.await.expect("ran").is_ok());
        }
        assert_eq!(made, 1);
    }

    async fn an_invitation_makes_one_account(db) {
        let studio = Studio::new(&db).await;
        let (owner, project_id) = (studio.owner, studio.project_id);
        let until = db::now() + 1_000_000_000;
        transact!(db, [], |tx| db::people::invite(tx, "secret", Role::Artist, Some(project_id), owner, until)).expect("invited");
        assert_eq!(db::people::invitation(&db, "secret").await.expect("there").project_name.as_deref(), Some("First"));
        let tries = (0..4).map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                let email = format!("new{n}@studio.test");
                transact!(db, [email], |tx| db::people::accept(tx, "secret", "New", &email, "hash"))
            })
        });
        let mut made = Vec::new();
        for attempt in tries.collect::<Vec<_>>() {
            made.extend(attempt.await.expect("ran").ok());
        }
        assert_eq!(made.len(), 1);
        assert!(db::projects::is_member(&db, project_id, made[0]).await.expect("asked"));
        assert!(matches!(db::people::invitation(&db, "secret").await, Err(db::Error::NotFound)));
    }

    async fn an_email_address_is_one_person_in_any_spelling(db) {
        Studio::new(&db).await;
        let again = transact!(db, [], |tx| db::people::create(tx, "Olga", " OLGA@Studio.test ", None, Role::Client));
        assert!(matches!(again, Err(db::Error::Invalid(_))), "{again:?}");
        assert!(db::people::by_email(&db, "Olga@STUDIO.test").await.expect("asked").is_some());
    }

    async fn five_failures_make_the_sixth_wait(db) {
        for n in 0..5 {
            let wait = transact!(db, [], |tx| db::sign_in::may_try(tx, "a@b.c", "10.0.0.1"));
            assert_eq!(wait.expect("counted"), None, "try {n}");
        }
        let wait = transact!(db, [], |tx| db::sign_in::may_try(tx, "a@b.c", "10.9.9.9"));
        let wait = wait.expect("counted").expect("must wait");
        assert!((1..=900).contains(&wait), "{wait}");
        let other = transact!(db, [], |tx| db::sign_in::may_try(tx, "other@b.c", "10.0.0.1"));
        assert_eq!(other.expect("counted"), None);
        transact!(db, [], |tx| db::sign_in::succeeded(tx, "a@b.c")).expect("forgotten");
        let again = transact!(db, [], |tx| db::sign_in::may_try(tx, "a@b.c", "10.0.0.1"));
        assert_eq!(again.expect("counted"), None);
    }

    async fn fifty_guesses_at_once_are_five(db) {
        let guesses = (0..50).map(|n| {
            let (db, address) = (db.clone(), format!("10.0.0.{n}"));
            tokio::spawn(async move { transact!(db, [address], |tx| db::sign_in::may_try(tx, "a@b.c", &address)) })
        });
        let mut passed = 0;
        for guess in guesses.collect::<Vec<_>>() {
            passed += usize::from(guess.await.expect("ran").expect("counted").is_none());
        }
        assert_eq!(passed, 5);
    }

    async fn one_address_cannot_guess_at_many_people(db) {
        for n in 0..30 {
            let email = format!("{n}@b.c");
            transact!(db, [email], |tx| db::sign_in::may_try(tx, &email, "10.0.0.1")).expect("counted");
        }
        let may = |address: &'static str| {
            let db = db.clone();
            async move { transact!(db, [], |tx| db::sign_in::may_try(tx, "x@b.c", address)).expect("counted") }
        };
        assert!(may("10.0.0.1").await.is_some());
        assert!(may("10.0.0.2").await.is_none());
    }

    async fn a_policy_that_cannot_be_met_is_refused(db) {
        let studio = Studio::new(&db).await;
        let project_id = studio.project_id;
        let cases = [
            domain::ApprovalPolicy { needed: 0, of: vec![], not_author: false },
            domain::ApprovalPolicy { needed: 2, of: vec![studio.supervisor], not_author: false },
            domain::ApprovalPolicy { needed: 1, of: vec![studio.artist], not_author: false },
            domain::ApprovalPolicy { needed: 2, of: vec![studio.second, studio.second], not_author: false },
        ];
        for policy in cases {
            let saved = transact!(db, [policy], |tx| db::projects::update(tx, project_id, "First", 1001, &policy));
            assert!(matches!(saved, Err(db::Error::Invalid(_))), "{policy:?}");
        }
    }
}
