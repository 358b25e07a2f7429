//! What one column of the table is tried on: somebody, and a project of their own with one of everything, so that what a column
//! changes is nothing to the others.

use app::api::guests::{GuestReply, JoinShare, UnlockShare};
use app::api::life::PutIntoBin;
use app::api::models::{ListModels, ModelsView};
use app::api::people::{InvitationRow, Invite, ListInvitations, MakeResetLink};
use app::api::projects::CreateSequence;
use app::api::shares::{CreateLink, GetShares, RevokeLink, SharesView};
use app::api::shots::RenameShot;
use app::api::versions::ShowClient;
use domain::package::What;
use domain::{
    Action, CommentId, EntryId, InvitationId, Levels, LinkId, PersonId, ProjectId, Role, SequenceId, ShotId,
    Thing, ThreadId, VersionId, may,
};
use reqwest::StatusCode;

use crate::decisions::{Reviewed, reviewed};
use crate::deliveries::deliver;
use crate::harness::{Actor, TestApp};
use crate::rows;
use crate::share::{ALL, about, approve, guest, make, new_link};
use crate::threads::me;
use crate::uploads::{create, place};

const PASSWORD: &str = "seven grey stones";

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    Nobody,
    /// Of the link that the rows are about.
    Guest,
    /// Of another link, with the address of this one.
    OtherGuest,
    /// Of another link, with that link's address and the ids of this one.
    OtherLink,
    /// Was a guest of a link for the same version, with that link's address.
    Revoked,
    Expired,
    /// A member of the project.
    Inside(Role),
    /// A member of another project only.
    Outside(Role),
}

impl Seat {
    pub fn all() -> Vec<Self> {
        let outside = [Role::Producer, Role::Supervisor, Role::Artist, Role::Client];
        [Self::Nobody, Self::Guest, Self::OtherGuest, Self::OtherLink, Self::Revoked, Self::Expired]
            .into_iter()
            .chain(Role::ALL.map(Self::Inside))
            .chain(outside.map(Self::Outside))
            .collect()
    }

    /// The head of the column.
    pub fn title(self) -> String {
        match self {
            Self::Nobody => "nobody".into(),
            Self::Guest => "guest".into(),
            Self::OtherGuest => "guest of another link".into(),
            Self::OtherLink => "another link’s address".into(),
            Self::Revoked => "revoked link".into(),
            Self::Expired => "expired link".into(),
            Self::Inside(role) => role.word().into(),
            Self::Outside(role) => format!("{} elsewhere", role.word()),
        }
    }

    pub fn role(self) -> Option<Role> {
        match self {
            Self::Inside(role) | Self::Outside(role) => Some(role),
            _ => None,
        }
    }

    /// Whether the project is there for them.
    pub fn sees(self) -> bool {
        match self {
            Self::Inside(_) => true,
            Self::Outside(role) => may(role, Action::SeeEveryProject),
            _ => false,
        }
    }
}

/// What all columns share.
pub struct Studio {
    pub app: TestApp,
    owner: Actor,
    theirs: ProjectId,
    foreign: Reviewed,
    /// Two models: one whose licence nobody accepts, so that nothing is fetched, and another.
    pub models: [String; 2],
}

/// One column.
pub struct Stage {
    pub seat: Seat,
    pub actor: Actor,
    /// Of the link's address that the rows use.
    pub token: String,
    pub project_id: ProjectId,
    pub project_name: String,
    pub shot_name: String,
    /// Approved, shown to clients, its movie and package made.
    pub made: Reviewed,
    pub thread_id: ThreadId,
    pub comment_id: CommentId,
    /// A link that may be changed and withdrawn.
    pub link_id: LinkId,
    pub sequence_id: SequenceId,
    /// Lies in the bin.
    pub binned: Thing,
    /// An account that may be changed.
    pub spare: PersonId,
    pub invitation: String,
    pub invitation_id: InvitationId,
    pub reset: String,
    /// Address of an upload that is not finished: the actor's own where they may upload.
    pub upload: String,
    /// Of the inbox of whoever is signed in.
    pub entry_id: EntryId,
}

async fn link_named(owner: &Actor, project_id: ProjectId, name: &str) -> LinkId {
    let view: SharesView = owner.ask(&GetShares { project_id }).await.expect("links");
    view.links.iter().find(|link| link.name == name).expect("there").link_id
}

fn last_part(address: &str) -> String {
    address.rsplit('/').next().expect("a token").to_owned()
}

impl Studio {
    pub async fn open() -> Self {
        let app = TestApp::at("SQLite", tempfile::tempdir().expect("a folder"), None).await;
        let owner = app.owner().await;
        let theirs = owner.project("Theirs").await;
        let foreign = reviewed(&app, &owner, theirs).await;
        let list: ModelsView = owner.ask(&ListModels {}).await.expect("models");
        let models = [0, 1].map(|at: usize| list.models[at].slug.clone());
        Self { app, owner, theirs, foreign, models }
    }

    /// Makes the `n`th column.
    pub async fn stage(&self, n: usize, seat: Seat) -> Stage {
        let Self { app, owner, .. } = self;
        let (project_name, shot_name) = (format!("Harbour {n:02}"), format!("HB_{n:02}_0310"));
        let project_id = owner.project(&project_name).await;
        let made = reviewed(app, owner, project_id).await;
        let (shot_id, version_id) = (made.shot_id, made.version_id);
        owner.ask::<_, ()>(&RenameShot { shot_id, name: shot_name.clone() }).await.expect("renamed");
        approve(app, owner, version_id).await;
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        for what in [What::Movie, What::Package] {
            deliver(app, version_id, what).await;
        }
        self.draw(shot_id).await;

        let locked =
            CreateLink { password: Some(PASSWORD.into()), ..new_link(project_id, &[version_id], ALL) };
        let this = make(app, owner, locked).await;
        let inside = app.nobody();
        let unlock = UnlockShare { token: this.clone(), password: PASSWORD.into() };
        inside.form::<_, ()>(&unlock).await.expect("unlocked");
        let join = JoinShare { token: this.clone(), name: "Client".into() };
        inside.form::<_, PersonId>(&join).await.expect("joined");
        let thread_id: ThreadId = inside.send(&about(&this, version_id, "x")).await.expect("said");
        let reply = GuestReply { token: this.clone(), thread_id, text: "y".into(), drawing: None };
        let comment_id: CommentId = inside.send(&reply).await.expect("said");
        let spare_link = CreateLink { name: "Spare".into(), ..new_link(project_id, &[version_id], ALL) };
        make(app, owner, spare_link).await;
        let link_id = link_named(owner, project_id, "Spare").await;

        let sequence_id: SequenceId =
            owner.ask(&CreateSequence { project_id, name: "S010".into() }).await.expect("a sequence");
        let binned = Thing::Project(owner.project(&format!("Gone {n:02}")).await);
        owner.send::<_, ()>(&PutIntoBin { thing: binned }).await.expect("in the bin");
        let spare = me(&app.member(owner, Role::Artist, None).await).await;
        let invited: String =
            owner.ask(&Invite { role: Role::Artist, project_id: None }).await.expect("a link");
        let open: Vec<InvitationRow> = owner.ask(&ListInvitations {}).await.expect("invitations");
        let invitation_id = open.first().expect("just made").invitation_id;
        let reset: String = owner.ask(&MakeResetLink { person_id: spare }).await.expect("a link");

        let (actor, token) = match seat {
            Seat::Guest => (inside, this),
            _ => self.seated(seat, (project_id, version_id), this).await,
        };
        let entry_id = EntryId(db::new_uuid());
        let mut upload = place(&create(owner, project_id, "plate_2.mov", 4).await);
        if seat.role().is_some() {
            self.tell(me(&actor).await, shot_id, entry_id).await;
            let own = create(&actor, project_id, "plate_3.mov", 4).await;
            if own.status() == StatusCode::CREATED {
                upload = place(&own);
            }
        }
        Stage {
            seat,
            actor,
            token,
            project_id,
            project_name,
            shot_name,
            made,
            thread_id,
            comment_id,
            link_id,
            sequence_id,
            binned,
            spare,
            invitation: last_part(&invited),
            invitation_id,
            reset: last_part(&reset),
            upload,
            entry_id,
        }
    }

    /// Who sits there, and the token that they bring; `this`: of the link that the rows are about.
    async fn seated(
        &self,
        seat: Seat,
        (project_id, version_id): (ProjectId, VersionId),
        this: String,
    ) -> (Actor, String) {
        let Self { app, owner, theirs, foreign, .. } = self;
        match seat {
            Seat::Nobody | Seat::Guest => (app.nobody(), this),
            Seat::OtherGuest | Seat::OtherLink => {
                let other = make(app, owner, new_link(*theirs, &[foreign.version_id], ALL)).await;
                let visitor = guest(app, &other, "Other").await;
                (visitor, if seat == Seat::OtherGuest { this } else { other })
            }
            Seat::Revoked | Seat::Expired => {
                let link = CreateLink { name: "Over".into(), ..new_link(project_id, &[version_id], ALL) };
                let token = make(app, owner, link).await;
                let visitor = guest(app, &token, "Late").await;
                let link_id = link_named(owner, project_id, "Over").await;
                if seat == Seat::Revoked {
                    owner.ask::<_, ()>(&RevokeLink { link_id }).await.expect("withdrawn");
                } else {
                    let query = sqlx::query("update share_link set expires_at = 1 where link_id = $1");
                    let query = query.bind(link_id.to_string());
                    query.execute(app.state.app.db.pool()).await.expect("expired");
                }
                (visitor, token)
            }
            Seat::Inside(role) => (app.member(owner, role, Some(project_id)).await, this),
            Seat::Outside(role) => (app.member(owner, role, Some(*theirs)).await, this),
        }
    }

    /// Gives the draft a picture that can be read.
    async fn draw(&self, shot_id: ShotId) {
        let app = &self.app.state.app;
        let png = Levels::background(rows::WIDTH, rows::HEIGHT).to_png();
        let (hash, size) = (app.store.put_blocking(&png).expect("stored"), png.len() as i64);
        app.db.write(move |tx| Box::pin(db::blobs::record(tx, hash, size))).await.expect("recorded");
        sqlx::query("update draft_frame set levels = $2 where shot_id = $1")
            .bind(shot_id.to_string())
            .bind(hash.to_string())
            .execute(app.db.pool())
            .await
            .expect("drawn");
    }

    /// An entry for somebody's inbox, whether they see the shot or not.
    async fn tell(&self, person_id: PersonId, shot_id: ShotId, entry_id: EntryId) {
        let text =
            "insert into inbox (entry_id, person_id, kind, shot_id, at) values ($1, $2, 'assigned', $3, 1)";
        sqlx::query(text)
            .bind(entry_id.to_string())
            .bind(person_id.to_string())
            .bind(shot_id.to_string())
            .execute(self.app.state.app.db.pool())
            .await
            .expect("told");
    }
}
