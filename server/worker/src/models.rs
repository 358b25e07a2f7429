//! The folder of weights: what this worker can do with it, and the networks that stay loaded between jobs.

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
/// Where SAM 3 lies.
const SAM3: &str = "sam3";

/// The models of this worker. Blocking throughout.
pub struct Models {
    /// VOID's.
    folder: PathBuf,
    sam2_folder: PathBuf,
    sam3_folder: PathBuf,
    /// What was found, and what the folder looked like then.
    seen: Mutex<Option<(Hash, Abilities)>>,
    /// VOID's files of each pass, as they were opened: nothing of them is loaded.
    #[cfg(feature = "void")]
    open: [Mutex<Option<with_libtorch::Open>>; 2],
    /// What is loaded.
    #[cfg(feature = "void")]
    shelf: engine::Shelf,
}

impl Models {
    /// `folder`: with a folder for each model in it. Half of the device's memory may stay loaded.
    pub fn new(folder: &Path) -> Self {
        Self::keeping(folder, None)
    }

    /// As [`Self::new`], keeping so many gigabytes (of 10⁹ bytes) of networks loaded between jobs.
    pub fn keeping(folder: &Path, gigabytes: Option<f64>) -> Self {
        #[cfg(not(feature = "void"))]
        let _ = gigabytes; // nothing is ever loaded
        Self {
            folder: folder.join(VOID),
            sam2_folder: folder.join(SAM2),
            sam3_folder: folder.join(SAM3),
            seen: Mutex::default(),
            #[cfg(feature = "void")]
            open: Default::default(),
            #[cfg(feature = "void")]
            shelf: with_libtorch::shelf(gigabytes),
        }
    }

    /// The folder that all of them lie in.
    pub fn root(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// What this worker can do now, if that is not what it could do when it was asked last.
    pub fn news(&self) -> Option<Abilities> {
        let folders = [&self.folder, &self.sam2_folder, &self.sam3_folder];
        let look = Hash::of(folders.map(|folder| look_of(folder).to_string()).concat().as_bytes());
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.as_ref().is_some_and(|(before, _)| *before == look) {
            return None;
        }
        let found = self.find();
        let is_news = seen.as_ref().is_none_or(|(_, before)| *before != found);
        *seen = Some((look, found.clone()));
        is_news.then_some(found)
    }

    /// What answers clicks on a shot: who was `chosen`, or else what its mask was `grown` by, or the best that is here; where
    /// weights are wanted and lacking, the one that needs none.
    pub fn segmenter(&self, chosen: Option<Segmenter>, grown: Option<GrownBy>) -> Segmenter {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let network = seen.as_ref().and_then(|(_, abilities)| abilities.sam2.network().ok());
        match (chosen.or(grown.map(|grown| grown.by)), network) {
            (Some(Segmenter::Sam2), Some(_)) => Segmenter::Sam2,
            (None, Some(network)) if !network.is_test_model => Segmenter::Sam2,
            _ => Segmenter::Plate,
        }
    }

    /// Whether SAM 2 carries what words found from frame to frame: random weights only what random weights found.
    #[cfg(feature = "void")]
    pub fn carries(&self, is_test_model: bool) -> bool {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let network = seen.as_ref().and_then(|(_, abilities)| abilities.sam2.network().ok());
        network.is_some_and(|network| is_test_model || !network.is_test_model)
    }

    /// Names, sizes and times are enough to know a model again; its files are only read when they change.
    #[cfg(not(feature = "void"))]
    fn find(&self) -> Abilities {
        Abilities::default()
    }
}

/// In words, for people who look at the workers.
pub fn about(abilities: &Abilities, threads: usize) -> String {
    use domain::find::Sam3Ability;
    use domain::run::{Sam2Ability, VoidAbility};
    let sam3 = match &abilities.sam3 {
        Sam3Ability::WithoutLibtorch => String::new(),
        Sam3Ability::Lacking { .. } => " · SAM 3 without weights".to_owned(),
        Sam3Ability::Able { network } if network.is_test_model => {
            format!(" · SAM 3 (test model on {})", network.device)
        }
        Sam3Ability::Able { network } => format!(" · {} on {}", network.name, network.device),
    };
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
    format!("plate engine{void}{sam2}{sam3}{outside} · {threads} threads")
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

/// Bytes of the files that lie in a folder itself.
#[cfg(feature = "void")]
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files =
        entries.filter_map(|entry| std::fs::metadata(entry.path()).ok()).filter(|about| about.is_file());
    files.map(|about| about.len()).sum()
}

#[cfg(feature = "void")]
pub use with_libtorch::{network, network_of};

#[cfg(feature = "void")]
mod with_libtorch {
    use std::any::Any;
    use std::sync::Arc;

    use domain::find::Sam3Ability;
    use domain::run::{Network, Sam2Ability, VoidAbility, Weights};
    use engine::find::Finder;
    use engine::track::Segmenter;
    use engine::{Error, Model, Named, Pass, Shelf};
    use tch::Device;

    use super::*;

    /// A model as it was opened.
    pub struct Open {
        look: Hash,
        model: Arc<Model>,
    }

    /// Room for so many gigabytes, or for half of the device's memory.
    pub fn shelf(gigabytes: Option<f64>) -> Shelf {
        Shelf::new(
            gigabytes.map_or_else(|| engine::usual_budget(device()), |gigabytes| (gigabytes * 1e9) as u64),
        )
    }

    impl Models {
        /// Gives `work` what lies in a slot of the networks that stay loaded, opened now unless it still is there and the files in
        /// `folder` are as they were. One at a time works with a slot. It counts with the bytes of these files, and what waits in
        /// other slots gives up its room for it, what was used longest ago first.
        ///
        /// # Errors
        /// What `open` and `work` end with.
        pub fn with_loaded<N: Any + Send, T>(
            &self,
            slot: &'static str,
            folder: &Path,
            open: impl FnOnce(Device) -> engine::Result<N>,
            work: impl FnOnce(&mut N) -> engine::Result<T>,
        ) -> engine::Result<T> {
            let look = look_of(folder).to_string();
            let mut lent = self.shelf.lend(slot, &look, || {
                let (device, bytes) = (device(), bytes_in(folder));
                engine::make_room(&self.shelf, device, bytes, slot);
                Ok::<_, Error>((open(device)?, bytes))
            })?;
            work(&mut lent)
        }

        /// Gives `work` SAM 3, with the frames that it has seen: opened now unless it still is.
        ///
        /// # Errors
        /// What is missing or broken in its folder; too little memory; whatever `work` ends with.
        pub fn with_sam3<T>(&self, work: impl FnOnce(&mut Finder) -> engine::Result<T>) -> engine::Result<T> {
            let open = |device| Finder::open(&self.sam3_folder, device);
            self.with_loaded("SAM 3", &self.sam3_folder, open, work)
        }

        /// By the names and shapes in its folder: it is loaded when words are looked for.
        fn find_sam3(&self) -> Sam3Ability {
            match Finder::check(&self.sam3_folder) {
                Ok(named) => Sam3Ability::Able { network: network(&named) },
                Err(Error::NoFolder { path }) => Sam3Ability::Lacking {
                    why: format!(
                        "There are no weights of SAM 3: the folder {} is missing. Ask for access to facebook/sam3 (the models page \
                         says how) and put its files there; until then, clicks find masks.",
                        path.display()
                    ),
                },
                Err(error) => Sam3Ability::Lacking { why: error.to_string() },
            }
        }

        /// Gives `work` SAM 2, opened now unless it still is from the job before.
        ///
        /// # Errors
        /// What is missing or broken in its folder; whatever `work` ends with.
        pub fn with_sam2<T>(
            &self,
            work: impl FnOnce(&mut Segmenter) -> engine::Result<T>,
        ) -> engine::Result<T> {
            let folder = &self.sam2_folder;
            self.with_loaded("SAM 2", folder, |device| Segmenter::open(folder, device), work)
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
                    machine: Some(crate::speed::machine(&model, &self.shelf, device())?),
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
            Abilities { void, sam2: self.find_sam2(), sam3: self.find_sam3(), outside: None }
        }

        /// Why a pass cannot be run here; `None`: it can.
        pub fn lacks(&self, pass: Pass) -> Option<String> {
            Model::open(&self.folder, pass).err().map(|error| error.to_string())
        }

        /// Gives `work` the model of a pass, opened now unless its files are as they were, with the networks that are loaded.
        ///
        /// # Errors
        /// What is missing or broken in the folder; whatever `work` ends with.
        pub fn with<T>(
            &self,
            pass: Pass,
            work: impl FnOnce(&Model, &Shelf, Device) -> engine::Result<T>,
        ) -> engine::Result<T> {
            let model = {
                let open = &self.open[usize::from(pass == Pass::Two)];
                let mut open = open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let look = look_of(&self.folder);
                let held = match open.take().filter(|held| held.look == look) {
                    Some(held) => held,
                    None => Open { look, model: Arc::new(Model::open(&self.folder, pass)?) },
                };
                Arc::clone(&open.insert(held).model)
            };
            work(&model, &self.shelf, device())
        }
    }

    /// What was opened, as rows name it.
    pub fn network_of(segmenter: &Segmenter) -> Network {
        network(segmenter.named())
    }

    pub fn network(named: &Named) -> Network {
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
        // Random weights answer only whom they were chosen by.
        let (chosen, grown) = (Some(Segmenter::Plate), GrownBy { by: Segmenter::Sam2, network: None });
        assert_eq!(models.segmenter(None, None), Segmenter::Plate);
        assert_eq!(models.segmenter(Some(Segmenter::Sam2), None), Segmenter::Sam2);
        assert_eq!(models.segmenter(None, Some(grown.clone())), Segmenter::Sam2);
        assert_eq!(models.segmenter(chosen, Some(grown)), Segmenter::Plate);
        let print = || models.with_sam2(|segmenter| Ok(segmenter.named().fingerprint)).unwrap();
        assert_eq!(print(), able.sam2.network().unwrap().fingerprint);
        let file = folder.path().join("sam2/model.safetensors");
        std::fs::File::options().write(true).open(file).unwrap().set_len(9_000).unwrap();
        let cut = models.news().expect("cut off");
        assert!(cut.sam2.network().unwrap_err().contains("cut off"), "{cut:?}");
        assert_eq!(models.segmenter(Some(Segmenter::Sam2), None), Segmenter::Plate);
    }

    #[test]
    fn what_is_loaded_stays_as_far_as_the_budget_goes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("net.bin");
        std::fs::write(&file, vec![0; 2000]).unwrap();
        let opened = std::cell::Cell::new(0);
        let used = |models: &Models, slot| {
            let open = |_| {
                opened.set(opened.get() + 1);
                Ok(opened.get())
            };
            models.with_loaded(slot, folder.path(), open, |number| Ok(*number)).unwrap()
        };
        let keeping = |bytes: f64| Models::keeping(folder.path(), Some(bytes / 1e9));
        let models = keeping(5000.0);
        assert_eq!([used(&models, "a"), used(&models, "a"), used(&models, "b")], [1, 1, 2]);
        // A third one pushes out what was used longest ago.
        assert_eq!([used(&models, "c"), used(&models, "b"), used(&models, "a")], [3, 2, 4]);
        std::fs::write(&file, vec![0; 1999]).unwrap();
        assert_eq!(used(&models, "a"), 5, "its files changed");
        let none = keeping(0.0);
        assert_eq!([used(&none, "a"), used(&none, "a")], [6, 7]);
    }

    #[test]
    fn sam3_is_found_by_its_names_and_loaded_when_it_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let models = Models::new(folder.path());
        let lacking = models.news().expect("the first word");
        let why = lacking.sam3.network().unwrap_err();
        assert!(why.contains("no weights of SAM 3") && why.contains("facebook/sam3"), "{why}");
        engine::find::make_test_model(&folder.path().join("sam3")).unwrap();
        let able = models.news().expect("weights came");
        assert_eq!(able.needs(), ["sam3"]);
        assert!(about(&able, 2).contains("SAM 3 (test model on "), "{}", about(&able, 2));
        let print = models.with_sam3(|finder| Ok(finder.named().fingerprint)).unwrap();
        assert_eq!(print, able.sam3.network().unwrap().fingerprint);
        // SAM 2's tracker put there by mistake.
        engine::track::make_test_model(&folder.path().join("elsewhere")).unwrap();
        let file = folder.path().join("sam3/model.safetensors");
        std::fs::copy(folder.path().join("elsewhere/model.safetensors"), file).unwrap();
        let wrong = models.news().expect("another file");
        assert!(wrong.sam3.network().unwrap_err().contains("reads no words"), "{wrong:?}");
        assert!(models.with_sam3(|_| Ok(())).unwrap_err().to_string().contains("reads no words"));
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
        let print = |pass| models.with(pass, |model, _, _| Ok(model.named().fingerprint)).unwrap();
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
        let error = models.with(Pass::One, |_, _, _| Ok(())).unwrap_err().to_string();
        assert!(error.contains("cut off"), "{error}");
    }
}
