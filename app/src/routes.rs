//! The URL map: builders for every address that a view links to.

/// Begins what stands in place of a token where somebody looks at a link as its guests do; the link's id follows.
pub const PREVIEW: &str = "preview-";

/// Addresses of pages and media.
pub mod href {
    use domain::package::{Movie, What};
    use domain::{Hash, LinkId, ProjectId, QuadmaskId, ShotId, ThreadId, UploadId, VersionId};

    use crate::api::projects::{ShotFilter, Sort};

    pub const PEOPLE: &str = "/people";

    pub const JOBS: &str = "/jobs";

    /// Weights of networks.
    pub const MODELS: &str = "/models";

    /// What was deleted and can still be taken out again.
    pub const BIN: &str = "/bin";

    /// What takes the disk's room.
    pub const DISK: &str = "/disk";

    /// Projects at rest.
    pub const ARCHIVE: &str = "/?show=archived";

    pub const AUDIT: &str = "/audit";

    pub const PROFILE: &str = "/profile";

    /// Where a person chooses a new password. `token`: the secret of the link.
    pub fn reset(token: &str) -> String {
        format!("/reset/{token}")
    }

    /// What waits for the viewer.
    pub const NEEDS: &str = "/needs-me";

    /// What happened to the viewer.
    pub const INBOX: &str = "/inbox";

    /// Where to go after signing in is kept in the address.
    pub fn sign_in(next: &str) -> String {
        if next == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", encode(next)) }
    }

    /// The board with a filter; the plain address when nothing is filtered.
    pub fn board(id: ProjectId, filter: &ShotFilter) -> String {
        let ShotFilter { phases, sequence_id, q, sort, assigned, due } = filter;
        let mut query = Vec::new();
        if !phases.is_empty() {
            let slugs: Vec<_> = phases.iter().map(|phase| phase.slug()).collect();
            query.push(format!("status={}", slugs.join(",")));
        }
        if let Some(sequence) = sequence_id {
            query.push(format!("sequence={sequence}"));
        }
        if !q.is_empty() {
            query.push(format!("q={}", encode(q)));
        }
        if let Some(to) = assigned {
            query.push(format!("assigned={}", to.slug()));
        }
        if let Some(due) = due {
            query.push(format!("due={}", due.slug()));
        }
        if *sort == Sort::Name {
            query.push("sort=name".to_owned());
        }
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", project(id), query.join("&"))
    }

    /// Percent-encoding for one value of a query.
    pub fn encode(value: &str) -> String {
        value.bytes().fold(String::with_capacity(value.len()), |mut text, byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text += &format!("%{byte:02X}");
            }
            text
        })
    }

    pub fn project(id: ProjectId) -> String {
        format!("/projects/{id}")
    }

    pub fn project_settings(id: ProjectId) -> String {
        format!("/projects/{id}/settings")
    }

    /// `tab`: `targets`, `quadmask`, `removal` or `review`.
    pub fn shot(id: ShotId, tab: &str) -> String {
        format!("/shots/{id}/{tab}")
    }

    /// A thread of a shot, beside its picture.
    pub fn thread(id: ShotId, tab: &str, thread: Option<ThreadId>) -> String {
        match thread {
            Some(thread) => format!("{}?thread={thread}", shot(id, tab)),
            None => shot(id, tab),
        }
    }

    pub fn poster(id: ShotId) -> String {
        format!("/media/shots/{id}/poster.jpg")
    }

    pub fn strip(id: ShotId, strip: Hash) -> String {
        format!("/media/shots/{id}/strip.jpg?of={strip}")
    }

    /// The Motion JPEG proxy; answers byte ranges. A shot that is trimmed gets another proxy: its hash keeps browsers
    /// from showing the one before.
    pub fn proxy(id: ShotId, proxy: Hash) -> String {
        format!("/media/shots/{id}/proxy.mov?of={proxy}")
    }

    /// JSON `[[offset, size], …]`: where each frame's JPEG lies in the proxy.
    pub fn proxy_index(id: ShotId, proxy: Hash) -> String {
        format!("/media/shots/{id}/proxy.json?of={proxy}")
    }

    /// The plate's sound for the player: 16-bit PCM, as long as the pictures; answers byte ranges.
    pub fn sound(id: ShotId, sound: Hash) -> String {
        format!("/media/shots/{id}/sound.wav?of={sound}")
    }

    /// Two-bit PNG of the draft's levels at plate size, cells not included.
    pub fn draft_frame(id: ShotId, frame: u32, revision: i64) -> String {
        format!("/media/shots/{id}/draft/{frame}.png?rev={revision}")
    }

    /// Two-bit PNG of a quadmask version's frame, cells included.
    pub fn quadmask_frame(id: QuadmaskId, frame: u32) -> String {
        format!("/media/quadmasks/{id}/{frame}.png")
    }

    pub fn quadmask_movie(id: QuadmaskId) -> String {
        format!("/media/quadmasks/{id}/quadmask_0.mp4")
    }

    /// Uncompressed zip of one PNG per frame.
    pub fn quadmask_pngs(id: QuadmaskId) -> String {
        format!("/media/quadmasks/{id}/quadmask.zip")
    }

    /// PNG of the plate's decoded picture at full size; `plate` and the part's first frame keep browsers from showing
    /// another one after a trim.
    pub fn exact_frame(id: ShotId, frame: u32, plate: Hash, first: u32) -> String {
        format!("/media/shots/{id}/frames/{frame}.png?of={plate}-{first}")
    }

    /// PNG of the result's decoded picture at full size.
    pub fn version_exact_frame(id: VersionId, frame: u32) -> String {
        format!("/media/versions/{id}/frames/{frame}.png")
    }

    pub fn version_proxy(id: VersionId) -> String {
        format!("/media/versions/{id}/proxy.mov")
    }

    pub fn version_proxy_index(id: VersionId) -> String {
        format!("/media/versions/{id}/proxy.json")
    }

    pub fn result(id: VersionId) -> String {
        format!("/media/versions/{id}/result.mkv")
    }

    pub fn matte(id: VersionId) -> String {
        format!("/media/versions/{id}/matte.mkv")
    }

    /// What was made of an approved version: `package` an archive, `movie` the movie alone; answers byte ranges.
    pub fn delivery(id: VersionId, movie: Movie, what: What) -> String {
        let extension = if what == What::Package { "zip" } else { "mov" };
        format!("/media/versions/{id}/deliveries/{}.{extension}", movie.slug())
    }

    /// The record of decisions, `pdf` or `json`.
    pub fn history(id: ShotId, kind: &str) -> String {
        format!("/media/shots/{id}/history.{kind}")
    }

    /// Zip of a shot's marks as VOID's own tools keep them.
    pub fn void_marks(id: ShotId) -> String {
        format!("/media/shots/{id}/void.zip")
    }

    /// POST with the file as body: a `quadmask_0.mp4` or a zip of PNGs becomes the draft; marks of VOID's tools are added.
    pub fn import_quadmask(id: ShotId, name: &str) -> String {
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
        format!("/api/shots/{id}/import-quadmask?name={name}")
    }

    /// tus 1.0 endpoint. `Upload-Metadata`: `filename`, `project`, optional `sequence` (base64 values).
    pub const UPLOADS: &str = "/api/uploads";

    /// One upload: HEAD, PATCH, DELETE.
    pub fn upload(id: UploadId) -> String {
        format!("{UPLOADS}/{id}")
    }

    /// Server-sent events: `data:` is a `domain::Event` in JSON; only what the viewer may know.
    pub const EVENTS: &str = "/events";

    /// What a link opens, on one of its shots or the first. `token`: the secret of the link.
    pub fn share(token: &str, shot: Option<ShotId>) -> String {
        match shot {
            Some(id) => format!("/share/{token}/{id}"),
            None => format!("/share/{token}"),
        }
    }

    /// The same as its guests see it, for those who may make links.
    pub fn share_preview(id: LinkId) -> String {
        share(&format!("{}{id}", super::PREVIEW), None)
    }

    /// What a guest sees and hears of a shot: `poster.jpg`, `strip.jpg`, `proxy.mov`, `proxy.json`, `sound.wav`. `stamp`
    /// keeps browsers from showing what was there before a trim.
    pub fn share_shot(token: &str, id: ShotId, file: &str, stamp: Hash) -> String {
        format!("/share-media/{token}/shots/{id}/{file}?of={stamp}")
    }

    /// What a guest sees of a version: `proxy.mov`, `proxy.json`; and `result.mkv` of an approved one where the link grants it.
    pub fn share_version(token: &str, id: VersionId, file: &str) -> String {
        format!("/share-media/{token}/versions/{id}/{file}")
    }

    /// The movie of an approved version, where the link grants downloads.
    pub fn share_delivery(token: &str, id: VersionId, movie: Movie) -> String {
        format!("/share-media/{token}/versions/{id}/deliveries/{}.mov", movie.slug())
    }

    /// Server-sent events for a guest.
    pub fn share_events(token: &str) -> String {
        format!("/share-media/{token}/events")
    }
}
