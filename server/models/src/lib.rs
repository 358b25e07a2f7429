//! Weights of networks: which there are, what each is for, under which licence, what of them lies in a folder, and fetching
//! the rest. Nothing of a network is opened here, and no database is asked.
//!
//! What was accepted and fetched is written down in `models.json` in the folder of the models.

mod book;
mod catalogue;
mod pull;
mod remote;
mod room;

pub use book::{Book, Fetched, Licensed, Wanted};
pub use catalogue::{ALL, Licence, Part, Source, find};
pub use pull::{Progress, Pull, provide_tls, pull};
pub use room::{Room, State};

use std::path::{Path, PathBuf};

use domain::Hash;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("There is no model “{0}”: `minus-one models list` names all of them.")]
    Unknown(String),
    #[error(
        "The licence of {title} was not accepted yet: read it at {url} and accept it first (`minus-one models accept {slug}`)."
    )]
    NotAccepted { slug: &'static str, title: &'static str, url: &'static str },
    #[error(
        "{repo} is behind a gate. Open https://huggingface.co/{repo}, ask for access with an account, make a token that may read at \
         https://huggingface.co/settings/tokens, and give it here (on the command line: HF_TOKEN or --token-file)."
    )]
    Gated { repo: &'static str },
    #[error("{url} is not there: the publisher moved or removed it. Put the files into the folder by hand.")]
    Gone { url: String },
    #[error("{host} answered with {status}. Try again later; what is here already is kept.")]
    Refused { host: String, status: u16 },
    #[error(
        "{host} gave no answer that can be used ({reason}). Check the connection and try again; what is here already is kept."
    )]
    Network { host: String, reason: String },
    #[error("{repo} has no file {pattern}: the publisher changed it. Put the files into the folder by hand.")]
    Lacks { repo: String, pattern: &'static str },
    #[error("{} more are needed and {} are free in {}: free some space, or let the models lie on another disk.", size(*needed), size(*free), at.display())]
    Full { at: PathBuf, needed: u64, free: u64 },
    #[error("{} came with other bytes (SHA-256 {found}) than its publisher says ({wanted}). They were removed: fetch it again.", at.display())]
    Damaged { at: PathBuf, wanted: String, found: Hash },
    #[error("{title} is being fetched already, by another program: wait for it.")]
    Busy { title: &'static str },
    #[error("Stopped. What is here stays.")]
    Stopped,
    #[error("{} cannot be used: {source}", at.display())]
    Io { at: PathBuf, source: std::io::Error },
    #[error("{} cannot be read ({reason}). Move it away; licences have to be accepted again then.", at.display())]
    Book { at: PathBuf, reason: String },
}

/// The hub that is asked where nobody names another: the variable `HF_ENDPOINT`, or Hugging Face's own.
pub fn endpoint() -> String {
    let named = std::env::var("HF_ENDPOINT").unwrap_or_default();
    if named.is_empty() { "https://huggingface.co".to_owned() } else { named }
}

impl Error {
    pub(crate) fn network(url: &str, reason: &str) -> Self {
        Self::Network { host: remote::host(url), reason: reason.to_owned() }
    }

    /// Whether another try may help.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Network { .. } | Self::Refused { status: 429 | 500..=599, .. })
    }

    /// Whether it says only what whoever may see the page may know: no path of this machine.
    pub fn is_for_everybody(&self) -> bool {
        !matches!(self, Self::Full { .. } | Self::Damaged { .. } | Self::Io { .. } | Self::Book { .. })
    }
}

/// `11.14 GB`, `20.1 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

pub type Result<T> = std::result::Result<T, Error>;

pub(crate) fn io(at: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let at = at.to_owned();
    move |source| Error::Io { at, source }
}

/// How a part stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Files that are there, with their bytes; by their path in the folder of the models.
    pub there: Vec<(PathBuf, u64)>,
    /// What is needed and not there: files, or patterns where the publisher was not asked yet.
    pub missing: Vec<String>,
    /// Bytes of what was begun and not finished.
    pub begun: u64,
}

impl Standing {
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }
}

/// What of a part lies in `folder`, which may not be there yet. Contents are not read.
///
/// # Errors
/// [`Error::Io`] where a folder cannot be listed.
pub fn standing(folder: &Path, part: &Part) -> Result<Standing> {
    let root = folder.join(part.folder);
    let (mut files, mut begun) = (Vec::new(), Vec::new());
    list(&root, &root, &mut files)?;
    let unfinished = root.join(pull::BEGUN);
    list(&unfinished, &unfinished, &mut begun)?;
    files.retain(|(path, _)| part.wants(&path.to_string_lossy()) || part.stands_in(&path.to_string_lossy()));
    begun.retain(|(path, _)| part.wants(&path.to_string_lossy()));
    let lies =
        |pattern: &str| files.iter().any(|(path, _)| catalogue::matches(pattern, &path.to_string_lossy()));
    let has = |pattern: &str| {
        lies(pattern) || part.instead.iter().any(|(needed, file)| *needed == pattern && lies(file))
    };
    let mut missing: Vec<String> =
        part.needed.iter().filter(|pattern| !has(pattern)).map(|pattern| (*pattern).to_owned()).collect();
    // Once fetching has begun, all that the publisher named: one of two pieces is not the whole.
    let book = Book::read(folder)?;
    if files.len() < part.needed.len()
        || !begun.is_empty()
        || book.files.keys().any(|name| name.starts_with(part.folder))
    {
        for wanted in book.wanted.get(part.slug).into_iter().flatten() {
            let is_it = |(path, bytes): &(PathBuf, u64)| {
                *path == Path::new(&wanted.path) && wanted.bytes.is_none_or(|length| length == *bytes)
            };
            if !files.iter().any(is_it) {
                missing.push(wanted.path.clone());
            }
        }
        missing.retain(|name| !name.contains('*') || !book.wanted.contains_key(part.slug));
        missing.sort();
        missing.dedup();
    }
    let there = files.into_iter().map(|(path, bytes)| (Path::new(part.folder).join(path), bytes)).collect();
    Ok(Standing { there, missing, begun: begun.iter().map(|(_, bytes)| bytes).sum() })
}

/// Files below `at`, by their path from `root`, sorted. Links are followed once, as people link weights from other disks.
fn list(root: &Path, at: &Path, into: &mut Vec<(PathBuf, u64)>) -> Result<()> {
    let entries = match std::fs::read_dir(at) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Io { at: at.to_owned(), source }),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(io(at))?.path());
    }
    paths.sort();
    // Names that begin with a dot are no weights: `.fetching`, caches of other programs.
    let is_hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    for path in paths.into_iter().filter(|path| !is_hidden(path)) {
        // What cannot be looked at, such as a broken link, is not there.
        let Ok(about) = std::fs::metadata(&path) else { continue };
        let depth = path.components().count() - root.components().count();
        if about.is_dir() && depth < 4 {
            list(root, &path, into)?;
        } else if about.is_file() {
            let inside = path.strip_prefix(root).expect("below its root").to_owned();
            into.push((inside, about.len()));
        }
    }
    Ok(())
}

/// How a file compares with what was written down when it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes that were fetched.
    Same,
    /// Fetched once, and not there any more.
    Gone,
    /// Put there by hand: nothing to compare with.
    Unknown(Hash),
    Changed {
        wanted: Hash,
        found: Hash,
    },
}

/// Reads every byte of a part's files; `told` hears each verdict. Blocking.
///
/// # Errors
/// [`Error::Io`] where a file cannot be read.
pub fn verify(folder: &Path, part: &Part, mut told: impl FnMut(&Path, &Verdict)) -> Result<bool> {
    let book = Book::read(folder)?;
    let mut is_good = true;
    let there = standing(folder, part)?.there;
    let of_part = |name: &&String| {
        name.strip_prefix(part.folder).is_some_and(|name| part.wants(name.trim_start_matches('/')))
    };
    for name in book.files.keys().filter(of_part) {
        if !there.iter().any(|(path, _)| *path == Path::new(name)) {
            is_good = false;
            told(Path::new(name), &Verdict::Gone);
        }
    }
    for (path, _) in there {
        let found = pull::hash_of(&folder.join(&path))?;
        let verdict = match book.files.get(&*path.to_string_lossy()) {
            Some(fetched) if fetched.sha256 == found => Verdict::Same,
            Some(fetched) => Verdict::Changed { wanted: fetched.sha256, found },
            None => Verdict::Unknown(found),
        };
        is_good &= !matches!(verdict, Verdict::Changed { .. });
        told(&path, &verdict);
    }
    Ok(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_published_form_of_sam3_is_whole() {
        let part = find("sam3").expect("known");
        for files in [
            &["model.safetensors", "config.json", "vocab.json", "merges.txt"][..],
            &["sam3.pt", "bpe_simple_vocab_16e6.txt.gz"][..],
            &["sam3.pt", "config.json", "vocab.json", "merges.txt"][..],
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let at = folder.path().join("sam3");
            std::fs::create_dir_all(&at).expect("made");
            for file in files {
                std::fs::write(at.join(file), "x").expect("written");
            }
            let whole = standing(folder.path(), part).expect("looked");
            assert!(whole.is_whole() && whole.there.len() == files.len(), "{whole:?}");
            std::fs::remove_file(at.join(files[0])).expect("removed");
            assert!(!standing(folder.path(), part).expect("looked").is_whole());
        }
        assert!(part.access.is_some_and(|access| access.contains("https://huggingface.co/facebook/sam3")));
    }

    #[test]
    fn a_folder_is_told_by_its_names_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let part = find("void").expect("known");
        let nothing = standing(folder.path(), part).expect("looked");
        assert_eq!((nothing.is_whole(), nothing.there.len()), (false, 0));
        let at = folder.path().join("void");
        std::fs::create_dir_all(&at).expect("made");
        std::fs::write(at.join("void_pass1.safetensors"), [1; 10]).expect("written");
        std::fs::create_dir_all(at.join(".fetching")).expect("made");
        std::fs::write(at.join(".fetching/void_pass2.safetensors"), [1; 7]).expect("written");
        std::fs::write(at.join("notes.txt"), [1; 99]).expect("written");
        let half = standing(folder.path(), part).expect("looked");
        assert_eq!(half.there, [(PathBuf::from("void/void_pass1.safetensors"), 10)]);
        assert_eq!((half.missing.as_slice(), half.begun), (&["void_pass2.safetensors".to_owned()][..], 7));
        // One of two pieces that the publisher names is not the whole.
        let base = find("cogvideox").expect("known");
        let at = folder.path().join(base.folder);
        for name in [
            "transformer/config.json",
            "vae/config.json",
            "vae/a.safetensors",
            "text_encoder/config.json",
            "tokenizer/spiece.model",
            "scheduler/scheduler_config.json",
            "text_encoder/model-00001-of-00002.safetensors",
        ] {
            std::fs::create_dir_all(at.join(name).parent().expect("inside")).expect("made");
            std::fs::write(at.join(name), [1; 4]).expect("written");
        }
        assert!(
            standing(folder.path(), base).expect("looked").is_whole(),
            "put there by hand: nobody knows more"
        );
        let wanted = [
            "text_encoder/model-00001-of-00002.safetensors",
            "text_encoder/model-00002-of-00002.safetensors",
        ];
        let wanted = wanted.map(|path| Wanted { path: path.to_owned(), bytes: Some(4) }).to_vec();
        let fetched = Fetched { sha256: Hash::of(b"x"), bytes: 4, from: "x".into(), at: 1 };
        Book::change(folder.path(), |book| {
            book.wanted.insert(base.slug.to_owned(), wanted);
            book.files
                .insert(format!("{}/text_encoder/model-00001-of-00002.safetensors", base.folder), fetched);
        })
        .expect("written");
        let half = standing(folder.path(), base).expect("looked");
        assert_eq!(half.missing, ["text_encoder/model-00002-of-00002.safetensors"]);
    }

    #[test]
    fn what_was_changed_since_it_was_fetched_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("void");
        std::fs::create_dir_all(&at).expect("made");
        for name in ["void_pass1.safetensors", "void_pass2.safetensors"] {
            std::fs::write(at.join(name), name).expect("written");
        }
        let part = find("void").expect("known");
        let fetched =
            Fetched { sha256: Hash::of(b"void_pass1.safetensors"), bytes: 22, from: "x".into(), at: 1 };
        Book::change(folder.path(), |book| {
            book.files.insert("void/void_pass1.safetensors".into(), fetched);
        })
        .expect("written");
        let mut said = Vec::new();
        assert!(
            verify(folder.path(), part, |path, verdict| said.push((path.to_owned(), verdict.clone())))
                .expect("read")
        );
        assert_eq!(said[0].1, Verdict::Same);
        assert!(matches!(said[1].1, Verdict::Unknown(_)));
        std::fs::write(at.join("void_pass1.safetensors"), "other").expect("written");
        assert!(!verify(folder.path(), part, |_, _| {}).expect("read"));
        std::fs::remove_file(at.join("void_pass1.safetensors")).expect("gone");
        let mut gone = false;
        assert!(!verify(folder.path(), part, |_, verdict| gone |= *verdict == Verdict::Gone).expect("read"));
        assert!(gone);
    }
}
