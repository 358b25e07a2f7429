//! The URL map: builders for every address that a view links to.

/// Addresses of pages and media.
pub mod href {
    use domain::{ProjectId, QuadmaskId, ShotId, VersionId};

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

    pub fn poster(id: ShotId) -> String {
        format!("/media/shots/{id}/poster.jpg")
    }

    pub fn strip(id: ShotId) -> String {
        format!("/media/shots/{id}/strip.jpg")
    }

    /// The Motion JPEG proxy; answers byte ranges.
    pub fn proxy(id: ShotId) -> String {
        format!("/media/shots/{id}/proxy.mov")
    }

    /// JSON `[[offset, size], …]`: where each frame's JPEG lies in the proxy.
    pub fn proxy_index(id: ShotId) -> String {
        format!("/media/shots/{id}/proxy.json")
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

    /// POST with the file as body: a `quadmask_0.mp4` or a zip of PNGs becomes the draft.
    pub fn import_quadmask(id: ShotId, name: &str) -> String {
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
        format!("/api/shots/{id}/import-quadmask?name={name}")
    }

    /// tus 1.0 endpoint. `Upload-Metadata`: `filename`, `project`, optional `sequence` (base64 values).
    pub const UPLOADS: &str = "/api/uploads";

    /// Server-sent events: `data:` is a `domain::Event` in JSON; only what the viewer may know.
    pub const EVENTS: &str = "/events";
}
