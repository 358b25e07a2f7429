//! The report of a package: what was made of which plate with which recipe, the proof, and what lies in the archive. From the
//! values that ran, as the version keeps them.

use domain::project::Shot;
use domain::version::Version;
use domain::{Movie, moment};
use pipeline::stages::deliver::Sound;
use provenance::History;
use serde_json::{Value, json};

use super::archive::Packed;

pub struct Report<'a> {
    pub version: &'a Version,
    pub shot: &'a Shot,
    pub history: &'a History,
    /// Of the version: its canonical JSON has the version's subject as its SHA-256.
    pub manifest: Value,
    pub movie: Movie,
    /// Where the movie's sound came from.
    pub sound: Sound,
    /// Number shown for frame 0.
    pub first_frame: u32,
    pub files: Vec<Packed>,
}

impl Report<'_> {
    pub fn to_json(&self) -> Value {
        let Self { version, shot, history, manifest, movie, sound, first_frame, files } = self;
        let plate = shot.facts.as_ref().map(|facts| {
            json!({
                "file_name": shot.file_name,
                "sha256": shot.plate,
                "part": shot.trim,
                "codec": facts.codec,
                "pixel_format": facts.pixel_format,
                "width": facts.width(),
                "height": facts.height(),
                "rotation": facts.rotation,
                "frames": facts.frames,
                "first_frame": first_frame,
                "rate": [facts.rate.num(), facts.rate.den()],
                "start_timecode": facts.start_timecode,
                "colour": facts.colour,
                "audio": facts.audio,
                "frame_hashes": facts.frame_hashes,
                "notes": facts.notes,
            })
        });
        let quadmask = history.quadmasks.iter().find(|quadmask| quadmask.n == version.quadmask_n);
        json!({
            "format": "minus-one/report/1",
            "project": history.project,
            "sequence": history.sequence,
            "shot": history.shot,
            "version": {
                "id": version.version_id,
                "n": version.n,
                "made_at": moment::iso(version.created_at),
                "subject": version.subject,
                "manifest": manifest,
            },
            "plate": plate,
            "quadmask": quadmask.map(|q| json!({ "id": q.quadmask_id, "n": q.n, "subject": q.subject })),
            "engine": version.engine,
            "label": version.label(),
            "recipe": version.recipe,
            "proof": version.proof,
            "proof_in_words": if version.proof.max_delta_outside == 0 {
                "Outside the matte every sample of the master is the plate's own: largest difference 0.".to_owned()
            } else {
                format!("Outside the matte samples differ by up to {}.", version.proof.max_delta_outside)
            },
            "movie": {
                "codec": movie.word(),
                "purpose": movie.purpose(),
                "sound": sound.sentence(),
                "claim": "Encoded from the master; the proof is about the master, not about this movie.",
            },
            "record": history.check,
            "files": files,
        })
    }
}
