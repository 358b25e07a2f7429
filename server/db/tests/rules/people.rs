//! Owners, invitations, throttled sign-in.

use domain::Role;

use crate::harness::Studio;
use crate::{rules, transact};

/// The owner signed in from there just now.
async fn signed_in_at(studio: &Studio, address: &str) {
    let note = db::audit::Note {
        deed: domain::Deed::SignedIn,
        by: Some(studio.owner),
        who: String::new(),
        project_id: None,
        about: String::new(),
        address: address.into(),
    };
    transact!(studio.db, [note], |tx| db::audit::add(tx, &note)).expect("on record");
}

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

    async fn invitations_end_with_the_rights_of_who_made_them_and_when_somebody_withdraws_them(db) {
        let studio = Studio::new(&db).await;
        let until = db::now() + 1_000_000_000;
        let producer = transact!(db, [], |tx| db::people::create(tx, "Pia", "pia@studio.test", Some("hash"), Role::Producer));
        let producer = producer.expect("made");
        for (token, by) in [("of Pia", producer), ("of the owner", studio.owner)] {
            transact!(db, [], |tx| db::people::invite(tx, token, Role::Producer, None, by, until)).expect("invited");
        }
        let left = async || {
            let open = db::people::open_invitations(&db).await.expect("listed");
            open.into_iter().map(|one| one.invited_by).collect::<Vec<_>>()
        };
        assert_eq!(left().await.len(), 2);
        transact!(db, [], |tx| db::people::set_role(tx, producer, Role::Artist)).expect("an artist now");
        assert_eq!(left().await, ["Olga Owner"]);
        let used = transact!(db, [], |tx| db::people::accept(tx, "of Pia", "New", "new@studio.test", "hash"));
        assert!(matches!(used, Err(db::Error::Conflict(_))), "{used:?}");

        let id = db::people::open_invitations(&db).await.expect("listed")[0].invitation_id;
        let role = transact!(db, [], |tx| db::people::withdraw_invitation(tx, id)).expect("withdrawn");
        assert_eq!(role, Role::Producer);
        assert_eq!(left().await, [""; 0]);
        let twice = transact!(db, [], |tx| db::people::withdraw_invitation(tx, id));
        assert!(matches!(twice, Err(db::Error::Conflict(_))), "{twice:?}");
        let used = transact!(db, [], |tx| db::people::accept(tx, "of the owner", "New", "new@studio.test", "hash"));
        assert!(matches!(used, Err(db::Error::Conflict(_))), "{used:?}");
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
        let wait = transact!(db, [], |tx| db::sign_in::may_try(tx, "a@b.c", "10.0.0.1"));
        let wait = wait.expect("counted").expect("must wait");
        assert!((1..=900).contains(&wait), "{wait}");
        let other = transact!(db, [], |tx| db::sign_in::may_try(tx, "other@b.c", "10.0.0.1"));
        assert_eq!(other.expect("counted"), None);
        transact!(db, [], |tx| db::sign_in::signed_in(tx, "a@b.c", "10.0.0.1")).expect("forgotten");
        let again = transact!(db, [], |tx| db::sign_in::may_try(tx, "a@b.c", "10.0.0.1"));
        assert_eq!(again.expect("counted"), None);
    }

    async fn a_stranger_who_guesses_keeps_nobody_out_elsewhere(db) {
        for _ in 0..40 {
            transact!(db, [], |tx| db::sign_in::may_try(tx, "a@b.c", "10.0.0.66")).expect("counted");
        }
        for n in 0..5 {
            let wait = transact!(db, [], |tx| db::sign_in::may_try(tx, "a@b.c", "10.0.0.1"));
            assert_eq!(wait.expect("counted"), None, "try {n} of whose account it is");
        }
        // That they got in gives the stranger no new tries; another password makes all of it old.
        transact!(db, [], |tx| db::sign_in::signed_in(tx, "a@b.c", "10.0.0.1")).expect("forgotten");
        let stranger = async || transact!(db, [], |tx| db::sign_in::may_try(tx, "a@b.c", "10.0.0.66")).expect("counted");
        assert!(stranger().await.is_some());
        transact!(db, [], |tx| db::sign_in::forget_account(tx, "a@b.c")).expect("forgotten");
        assert!(stranger().await.is_none());
    }

    async fn fifty_guesses_at_once_are_five(db) {
        let guesses = (0..50).map(|n| {
            // All of one network.
            let (db, address) = (db.clone(), format!("2001:db8::{n:x}"));
            tokio::spawn(async move { transact!(db, [address], |tx| db::sign_in::may_try(tx, "a@b.c", &address)) })
        });
        let mut passed = 0;
        for guess in guesses.collect::<Vec<_>>() {
            passed += usize::from(guess.await.expect("ran").expect("counted").is_none());
        }
        assert_eq!(passed, 5);
    }

    async fn guesses_from_many_places_are_slowed_and_lock_nobody_out(db) {
        let studio = Studio::new(&db).await;
        let email = "olga@studio.test";
        signed_in_at(&studio, "10.1.1.1").await;
        let wait = async |address: String| {
            transact!(db, [address], |tx| db::sign_in::may_try(tx, email, &address)).expect("counted")
        };
        let mut passed = 0;
        for n in 0..100 {
            let wait = wait(format!("10.0.{}.1", n % 25)).await;
            passed += usize::from(wait.is_none());
            assert!(wait.is_none_or(|seconds| seconds <= 16), "{wait:?}");
        }
        assert!((60..=62).contains(&passed), "{passed}: the others wait, and not for long");
        for n in 0..3 {
            let at_home = wait("10.1.1.1".into()).await;
            assert_eq!(at_home, None, "try {n} where they signed in before: they do not wait for strangers");
        }
        // A network that did nothing yet has one try, whatever strangers do; from then on it is one of many.
        for address in ["10.2.0.1", "10.2.0.2", "2001:db8:5::1"] {
            assert_eq!(wait(address.into()).await, None, "{address}");
            assert!(wait(address.into()).await.is_some(), "{address} again");
        }
        // A quarter of a minute later one more passes, and not two.
        sqlx::query("update sign_in_attempt set at = at - 16000000").execute(db.pool()).await.expect("older");
        assert_eq!((wait("10.0.0.1".into()).await, wait("10.0.1.1".into()).await.is_some()), (None, true));
    }

    async fn all_addresses_of_one_customer_are_one_of_many_networks(db) {
        let studio = Studio::new(&db).await;
        let email = "olga@studio.test";
        let wait = async |address: String| {
            transact!(db, [address], |tx| db::sign_in::may_try(tx, email, &address)).expect("counted")
        };
        signed_in_at(&studio, "2001:db8:1:2::7").await;
        let mut passed = 0;
        for n in 0..100 {
            passed += usize::from(wait(format!("2001:db8:7:{n:x}::1")).await.is_none());
        }
        assert!((60..=62).contains(&passed), "{passed}: another block of theirs is no new network");
        for n in 0..3 {
            let neighbour = wait(format!("2001:db8:1:2:{n:x}::9")).await;
            assert_eq!(neighbour, None, "where they signed in before, whichever address of it");
        }
        assert!(wait("2001:db8:1:3::9".into()).await.is_some(), "the block beside it is not known, and not new");

        // What was three months ago is no longer known.
        let months = "update audit set at = at - 91 * 86400000000";
        sqlx::query(months).execute(db.pool()).await.expect("older");
        assert!(wait("2001:db8:1:2::7".into()).await.is_some());
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
