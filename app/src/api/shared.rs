//! What a link shows, as it travels: types of their own, so that what is added to a shot for the team does not reach guests.

use domain::package::{Delivery, What};
use domain::version::{Decision, MadeBy, Proof, Version};
use domain::{
    Action, Colour, Grants, Hash, JobId, JobState, Movie, PersonId, PlateFacts, Progress, ProjectId,
    QuadmaskId, Rate, RunId, ShotId, VersionId,
};
use serde::{Deserialize, Serialize};

use super::deliveries::{Deliveries, Packing};
use super::shots::ShotView;

/// A link as its guests see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareView {
    pub name: String,
    pub grants: Grants,
    /// Microseconds UTC.
    pub expires_at: Option<i64>,
    /// What the guest is called, once they said so.
    pub guest: Option<String>,
    /// Looked at by somebody who may make links; nothing is written.
    pub is_preview: bool,
    /// In the order in which they were chosen.
    pub shots: Vec<SharedItem>,
    /// The one that is looked at.
    pub shot: SharedShot,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedItem {
    pub shot_id: ShotId,
    pub name: String,
    pub versions: u32,
}

/// A shot behind a link: what the player needs and nothing else. Stamps stand for blobs and are not their hashes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedShot {
    pub shot_id: ShotId,
    pub name: String,
    /// Number shown for frame 0.
    pub first_frame: u32,
    pub frames: u32,
    /// Displayed size in pixels.
    pub width: u32,
    pub height: u32,
    pub rate: Rate,
    pub start_timecode: Option<String>,
    pub proxy: Option<Hash>,
    pub poster: Option<Hash>,
    pub strip: Option<Hash>,
    pub sound: Option<Hash>,
    /// Newest first.
    pub versions: Vec<SharedVersion>,
    pub may: Vec<Action>,
    /// The guest; nobody's while they have no name.
    pub viewer: PersonId,
    /// The shots before and after it behind this link.
    pub previous: Option<ShotId>,
    pub next: Option<ShotId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedVersion {
    pub version_id: VersionId,
    pub n: u32,
    pub engine: String,
    /// The pass of VOID that made it.
    #[serde(default)]
    pub pass: Option<u32>,
    /// It was made with random weights: no removal.
    #[serde(default)]
    pub is_of_test_model: bool,
    /// It is a quick look.
    #[serde(default)]
    pub is_preview: bool,
    /// What a decision is about.
    pub subject: Hash,
    pub created_at: i64,
    /// Those of clients and guests.
    pub decisions: Vec<Decision>,
    /// The link grants downloads, and the version is approved: its movie can be had.
    pub has_movies: bool,
    /// Movies that are there or on their way.
    pub movies: Vec<SharedMovie>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedMovie {
    pub movie: Movie,
    /// `None`: it is being made.
    pub size_bytes: Option<i64>,
}

impl SharedShot {
    /// As the workspace holds a shot; what guests have no part in is empty.
    pub fn into_view(self) -> ShotView {
        let Self {
            shot_id,
            name,
            first_frame,
            frames,
            width,
            height,
            rate,
            start_timecode,
            proxy,
            poster,
            strip,
            sound,
            versions,
            may,
            viewer,
            previous,
            next,
        } = self;
        let nothing = Hash::from_digest([0; 32]);
        let facts = PlateFacts {
            container: String::new(),
            codec: String::new(),
            pixel_format: String::new(),
            bit_depth: 8,
            has_alpha: false,
            coded_width: width,
            coded_height: height,
            rotation: 0,
            rate,
            frames,
            variable_times: None,
            time_base: (1, 1),
            colour: Colour {
                primaries: String::new(),
                transfer: String::new(),
                matrix: String::new(),
                range: String::new(),
                assumed: false,
            },
            start_timecode,
            audio: None,
            frame_hashes: Vec::new(),
            notes: Vec::new(),
        };
        let proof = Proof {
            frames,
            width,
            height,
            pixel_format: String::new(),
            edge_px: 0,
            max_delta_outside: 0,
            matte_share: 0.0,
            seen_elsewhere: 0.0,
            guessed: 0.0,
            seconds: 0.0,
        };
        let deliveries = deliveries(&versions);
        let versions = versions.into_iter().map(|v| Version {
            version_id: v.version_id,
            shot_id,
            run_id: RunId(Default::default()),
            n: v.n,
            quadmask_id: QuadmaskId(Default::default()),
            quadmask_n: 0,
            author: PersonId(Default::default()),
            engine: v.engine,
            recipe: serde_json::Value::Null,
            made_by: v.pass.map(|pass| networks(pass, v.is_of_test_model, v.is_preview)),
            model_output: None,
            proof: proof.clone(),
            result: nothing,
            matte: nothing,
            proxy: nothing,
            subject: v.subject,
            client_visible: true,
            approved_at: None,
            created_at: v.created_at,
            decisions: v.decisions,
        });
        let versions: Vec<Version> = versions.collect();
        let project_id = ProjectId(Default::default());
        let shot = domain::project::Shot {
            shot_id,
            project_id,
            sequence_id: None,
            name,
            file_name: String::new(),
            phase: domain::Phase::ResultReview,
            problem: None,
            plate: nothing,
            plate_bytes: 0,
            trim: None,
            said_colour: None,
            frame_index: None,
            facts: Some(facts),
            proxy,
            poster,
            strip,
            sound,
            editor: None,
            created_at: 0,
            updated_at: 0,
        };
        ShotView {
            shot,
            project_id,
            project_name: String::new(),
            first_frame,
            policy: Default::default(),
            grid: None,
            targets: Vec::new(),
            words: Default::default(),
            causes: Vec::new(),
            reasoning: None,
            finding: None,
            causes_review: None,
            draft: Default::default(),
            quadmasks: Vec::new(),
            versions,
            job: None,
            run: None,
            engines: Default::default(),
            work: None,
            people: Vec::new(),
            deliveries,
            is_archived: false,
            may,
            viewer,
            previous,
            next,
        }
    }
}

/// What guests and clients are told of the networks behind a version.
pub(super) fn networks(pass: u32, is_test_model: bool, is_preview: bool) -> MadeBy {
    MadeBy {
        pass,
        model: String::new(),
        is_test_model,
        is_preview,
        fingerprint: Hash::from_digest([0; 32]),
        host: String::new(),
        device: String::new(),
        precision: String::new(),
        canvas: [0, 0],
        length: 0,
        windows: Vec::new(),
        forwards: 0,
        resumed_steps: 0,
        seconds: 0.0,
        peak_rss_bytes: None,
        memory: None,
        predicted: None,
        morphing: None,
        notes: Vec::new(),
    }
}

/// As the workspace holds them; of the jobs a guest knows only that they are there.
fn deliveries(versions: &[SharedVersion]) -> Deliveries {
    let mut all = Deliveries::default();
    for SharedVersion { version_id, has_movies, movies, .. } in versions {
        let (version_id, what) = (*version_id, What::Movie);
        all.approved.extend(has_movies.then_some(version_id));
        for SharedMovie { movie, size_bytes } in movies {
            let movie = *movie;
            match *size_bytes {
                Some(size_bytes) => {
                    let name = String::new();
                    all.made.push(Delivery { version_id, movie, what, size_bytes, name, created_at: 0 });
                }
                None => all.jobs.push(Packing { version_id, movie, what, job: on_its_way() }),
            }
        }
    }
    all
}

fn on_its_way() -> Progress {
    Progress {
        job_id: JobId(Default::default()),
        kind: "package".into(),
        state: JobState::Running,
        is_ending: false,
        project_id: None,
        shot_id: None,
        step: None,
        fraction: 0.0,
        seconds_left: None,
        error: None,
        attempt: 1,
        priority: 0,
        worker: None,
        created_at: 0,
        started_at: None,
        finished_at: None,
    }
}
