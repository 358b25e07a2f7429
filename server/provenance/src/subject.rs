//! What an approval of a quadmask is about.

use domain::{Cause, Hash, Trim, Words};
use serde::Serialize;

use crate::{canonical_json, hash_of};

/// Plate, levels of every frame (cells included), causes and words. Changing any of them makes another hash.
#[derive(Debug, Serialize)]
pub struct QuadmaskSubject<'a> {
    /// SHA-256 of the plate file.
    pub plate: Hash,
    /// The part of it that is the shot; left out of the JSON when it is all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<Trim>,
    /// `Levels::hash` per frame, in frame order.
    pub frames: &'a [Hash],
    pub causes: &'a [Cause],
    pub words: &'a Words,
}

impl QuadmaskSubject<'_> {
    /// The canonical JSON and its SHA-256.
    pub fn seal(&self) -> (String, Hash) {
        (canonical_json(self), hash_of(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{CauseId, Consequence};

    #[test]
    fn plate_frames_causes_and_words_each_change_the_hash() {
        let (plate, frames) = (Hash::of(b"plate"), [Hash::of(b"0"), Hash::of(b"1")]);
        let words = Words { removal: "remove the ball".into(), after: "an empty floor".into() };
        let cause = Cause {
            cause_id: CauseId(Default::default()),
            name: "shadow".into(),
            reason: "cast by it".into(),
            consequence: Consequence::Vanish,
            path: vec![],
            spans: vec![],
        };
        let seal = |plate, frames: &[Hash], causes: &[Cause], words: &Words| {
            QuadmaskSubject { plate, trim: None, frames, causes, words }.seal().1
        };
        let same = seal(plate, &frames, std::slice::from_ref(&cause), &words);
        let stay = Cause { consequence: Consequence::Stay, ..cause.clone() };
        let others = [
            seal(Hash::of(b"other"), &frames, std::slice::from_ref(&cause), &words),
            seal(plate, &[frames[1], frames[0]], std::slice::from_ref(&cause), &words),
            seal(plate, &frames, &[stay], &words),
            seal(plate, &frames, std::slice::from_ref(&cause), &Words::default()),
        ];
        assert!(others.iter().all(|other| *other != same));
        assert_eq!(same, seal(plate, &frames, &[cause], &words));
    }
}
