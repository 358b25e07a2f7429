//! The folder of weights: what this worker can do with it, and the model that stays open between jobs.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use domain::run::{GrownBy, Segmenter};
use domain::{Abilities, Hash};

/// Where VOID's weights lie in the folder of models.
const VOID: &str = "void";
/// Where a checkpoint of SAM 2 lies.
const SAM2: &str = "sam2";

/// The models of this worker. Blocking throughout.
pub struct Models {
    /// VOID's.
    folder: PathBuf,
    sam2_folder: PathBuf,
    /// What was found, and what the folder looked like then.
    seen: Mutex<Option<(Hash, Abilities)>>,
    #[cfg(feature = "void")]
    open: Mutex<Option<with_libtorch::Open>>,
    #[cfg(feature = "void")]
    sam2: Mutex<Option<with_libtorch::OpenSam2>>,
}

impl Models {
    /// `folder`: with a folder for each model in it.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.join(VOID),
            sam2_folder: folder.join(SAM2),
            seen: Mutex::default(),
            #[cfg(feature = "void")]
            open: Mutex::default(),
            #[cfg(feature = "void")]
            sam2: Mutex::default(),
        }
    }

    /// What this worker can do now, if that is not what it could do when it was asked last.
    pub fn news(&self) -> Option<Abilities> {
        let both = [&self.folder, &self.sam2_folder].map(|folder| look_of(folder).to_string()).concat();
        let look = Hash::of(both.as_bytes());
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.as_ref().is_some_and(|(before, _)| *before == look) {
            return None;
        }
        let found = self.find();
        let is_news = seen.as_ref().is_none_or(|(_, before)| *before != found);
        *seen = Some((look, found.clone()));
        is_news.then_some(found)
    }

    /// What answers clicks on a shot whose mask was `grown` by something: the same, or the best that is here.
    pub fn segmenter(&self, grown: Option<GrownBy>) -> Segmenter {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let network = seen.as_ref().and_then(|(_, abilities)| abilities.sam2.network().ok());
        match (grown.map(|grown| grown.by), network) {
            (Some(Segmenter::Sam2), Some(_)) => Segmenter::Sam2,
            (None, Some(network)) if !network.is_test_model => Segmenter::Sam2,
            _ => Segmenter::Plate,
        }
    }

    /// Names, sizes and times are enough to know a model again; its files are only read when they change.
    #[cfg(not(feature = "void"))]
    fn find(&self) -> Abilities {
        Abilities::default()
    }
}

/// In words, for people who look at the workers.
pub fn about(abilities: &Abilities, threads: usize) -> String {
    use domain::run::{Sam2Ability, VoidAbility};
    let sam2 = match &abilities.sam2 {
        Sam2Ability::WithoutLibtorch => String::new(),
        Sam2Ability::Lacking { .. } => " · SAM 2 without weights".to_owned(),
        Sam2Ability::Able { network } if network.is_test_model => {
            format!(" · SAM 2 (test model on {})", network.device)
        }
        Sam2Ability::Able { network } => format!(" · {} on {}", network.name, network.device),
    };
    let void = match &abilities.void {
        VoidAbility::WithoutLibtorch => String::new(),
        VoidAbility::Lacking { .. } => " · VOID without weights".to_owned(),
        VoidAbility::Able { pass1, pass2, .. } => {
            let passes = if pass2.is_some() { "" } else { ", pass 1 only" };
            format!(" · VOID ({} on {}{passes})", pass1.name, pass1.device)
        }
    };
    let outside = match &abilities.outside {
        Some(outside) => format!(" · may ask {} at {}", outside.model, outside.host()),
        None => String::new(),
    };
    format!("plate engine{void}{sam2}{outside} · {threads} threads")
}

/// Changes whenever a file in the folder does, three levels deep.
fn look_of(folder: &Path) -> Hash {
    fn walk(folder: &Path, deep: u32, text: &mut String) {
        let mut entries: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        // What begins with a dot is no weights: files that are being fetched, for one.
        let is_hidden =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        for path in entries.into_iter().filter(|path| !is_hidden(path)) {
            let Ok(about) = std::fs::metadata(&path) else { continue };
            if about.is_dir() {
                if deep > 0 {
                    walk(&path, deep - 1, text);
                }
                continue;
            }
            let at = about.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
            writeln!(text, "{} {} {at:?}", path.display(), about.len()).unwrap_or_default();
        }
    }
    let mut text = folder.is_dir().to_string();
    walk(folder, 2, &mut text);
    Hash::of(text.as_bytes())
}

#[cfg(feature = "void")]
pub use with_libtorch::network_of;

#[cfg(feature = "void")]
mod with_libtorch {
    use domain::run::{Network, Sam2Ability, VoidAbility, Weights};
    use engine::track::Segmenter;
    use engine::{Error, Model, Pass};
    use tch::Device;

    use super::*;

    /// A model as it was opened.
    pub struct Open {
        pass: Pass,
        look: Hash,
        model: Model,
    }

    /// SAM 2 as it was opened.
    pub struct OpenSam2 {
        look: Hash,
        segmenter: Segmenter,
    }

    impl Models {
        /// Gives `work` SAM 2, opened now unless it still is from the job before.
        ///
        /// # Errors
        /// What is missing or broken in its folder; whatever `work` ends with.
        pub fn with_sam2<T>(
            &self,
            work: impl FnOnce(&mut Segmenter) -> engine::Result<T>,
        ) -> engine::Result<T> {
            let mut open = self.sam2.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let look = look_of(&self.sam2_folder);
            let held = match open.take().filter(|held| held.look == look) {
                Some(held) => held,
                None => OpenSam2 { look, segmenter: Segmenter::open(&self.sam2_folder, device())? },
            };
            work(&mut open.insert(held).segmenter)
        }

        /// Opens it, since only then is it known whether the whole of it is there: it is the smallest of the networks.
        fn find_sam2(&self) -> Sam2Ability {
            match self.with_sam2(|segmenter| Ok(network_of(segmenter))) {
                Ok(network) => Sam2Ability::Able { network },
                Err(Error::NoFolder { path }) => Sam2Ability::Lacking {
                    why: format!(
                        "There are no weights of SAM 2: the folder {} is missing. Put a checkpoint of SAM 2.0 or 2.1 there, of any \
                         size, as it was published.",
                        path.display()
                    ),
                },
                Err(error) => Sam2Ability::Lacking { why: error.to_string() },
            }
        }

        pub(super) fn find(&self) -> Abilities {
            let weights = |pass| {
                let model = Model::open(&self.folder, pass)?;
                let (named, largest) = (model.named(), model.largest_canvas());
                Ok::<_, Error>(Weights {
                    name: named.name,
                    is_test_model: named.is_test_model,
                    fingerprint: named.fingerprint,
                    device: device_word(device()).to_owned(),
                    largest_canvas: [largest.0, largest.1],
                })
            };
            let void = match weights(Pass::One) {
                Err(Error::NoFolder { path }) => VoidAbility::Lacking {
                    why: format!(
                        "There are no weights of VOID: the folder {} is missing. Put alibaba-pai/CogVideoX-Fun-V1.5-5b-InP and \
                         netflix/void-model there, in the layout that they are published in.",
                        path.display()
                    ),
                },
                Err(error) => VoidAbility::Lacking { why: error.to_string() },
                Ok(pass1) => {
                    let (pass2, pass2_lacks) = match weights(Pass::Two) {
                        Ok(pass2) => (Some(pass2), None),
                        Err(error) => (None, Some(error.to_string())),
                    };
                    VoidAbility::Able { pass1, pass2, pass2_lacks }
                }
            };
            Abilities { void, sam2: self.find_sam2(), outside: None }
        }

        /// Why a pass cannot be run here; `None`: it can.
        pub fn lacks(&self, pass: Pass) -> Option<String> {
            Model::open(&self.folder, pass).err().map(|error| error.to_string())
        }

        /// Gives `work` the model of a pass, opened now unless it still is from the job before.
        ///
        /// # Errors
        /// What is missing or broken in the folder; whatever `work` ends with.
        pub fn with<T>(
            &self,
            pass: Pass,
            work: impl FnOnce(&Model, Device) -> engine::Result<T>,
        ) -> engine::Result<T> {
            let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let look = look_of(&self.folder);
            let held = match open.take().filter(|held| held.pass == pass && held.look == look) {
                Some(held) => held,
                None => Open { pass, look, model: Model::open(&self.folder, pass)? },
            };
            work(&open.insert(held).model, device())
        }
    }

    /// What was opened, as rows name it.
    pub fn network_of(segmenter: &Segmenter) -> Network {
        let named = segmenter.named();
        Network {
            name: named.name.clone(),
            is_test_model: named.is_test_model,
            fingerprint: named.fingerprint,
            device: device_word(device()).to_owned(),
        }
    }

    /// The first GPU, or the CPU.
    pub fn device() -> Device {
        if tch::Cuda::is_available() { Device::Cuda(0) } else { Device::Cpu }
    }

    fn device_word(device: Device) -> &'static str {
        if device.is_cuda() { "cuda" } else { "cpu" }
    }
}

#[cfg(all(test, feature = "void"))]
mod tests {
    use domain::run::{Need, VoidAbility};
    use engine::Pass;

    use super::*;

    #[test]
    fn a_checkpoint_of_sam2_is_found_when_it_comes_and_stays_open() {
        let folder = tempfile::tempdir().unwrap();
        let models = Models::new(folder.path());
        let lacking = models.news().expect("the first word");
        assert!(lacking.sam2.network().unwrap_err().contains("no weights of SAM 2"), "{lacking:?}");
        engine::track::make_test_model(&folder.path().join("sam2")).unwrap();
        let able = models.news().expect("a checkpoint came");
        assert_eq!(able.needs(), ["sam2"]);
        assert!(about(&able, 2).contains("SAM 2 (test model on "), "{}", about(&able, 2));
        let print = || models.with_sam2(|segmenter| Ok(segmenter.named().fingerprint)).unwrap();
        assert_eq!(print(), able.sam2.network().unwrap().fingerprint);
        let file = folder.path().join("sam2/model.safetensors");
        std::fs::File::options().write(true).open(file).unwrap().set_len(9_000).unwrap();
        let cut = models.news().expect("cut off");
        assert!(cut.sam2.network().unwrap_err().contains("cut off"), "{cut:?}");
    }

    #[test]
    fn what_lies_in_the_folder_is_what_the_worker_can_do() {
        let folder = tempfile::tempdir().unwrap();
        let models = Models::new(folder.path());
        let lacking = models.news().expect("the first word");
        let why = lacking.void.weights(Need::VoidPass1).unwrap_err();
        assert!(why.contains("no weights of VOID") && why.contains("void is missing"), "{why}");
        assert_eq!(models.news(), None);

        let void = folder.path().join("void");
        engine::test_model::make(&void).unwrap();
        let able = models.news().expect("weights came");
        assert_eq!(able.needs(), ["void_pass1", "void_pass2"]);
        assert!(able.void.weights(Need::VoidPass1).unwrap().is_test_model);
        assert!(about(&able, 2).starts_with("plate engine · VOID (test model on "), "{}", about(&able, 2));
        let print = |pass| models.with(pass, |model, _| Ok(model.named().fingerprint)).unwrap();
        assert_eq!(print(Pass::One), print(Pass::One));
        assert_ne!(print(Pass::One), print(Pass::Two));

        std::fs::remove_file(void.join("void_pass2.safetensors")).unwrap();
        let half = models.news().expect("half of it went");
        assert_eq!(half.needs(), ["void_pass1"]);
        assert!(
            half.void.weights(Need::VoidPass2).unwrap_err().contains("void_pass2.safetensors is not there")
        );

        let file = std::fs::File::options().write(true).open(void.join("void_pass1.safetensors")).unwrap();
        file.set_len(10_000).unwrap();
        let cut = models.news().expect("cut off");
        assert!(matches!(&cut.void, VoidAbility::Lacking { why } if why.contains("cut off")), "{cut:?}");
        let error = models.with(Pass::One, |_, _| Ok(())).unwrap_err().to_string();
        assert!(error.contains("cut off"), "{error}");
    }
}
