//! What a removal is run with: an engine and its knobs; and which worker can run it.

use serde::{Deserialize, Serialize};

use crate::find::Sam3Ability;
use crate::outside::Outside;
use crate::predict::Machine;
use crate::recipe::{BadRecipe, PlateRecipe, VoidRecipe};
use crate::{Hash, VersionId};

/// The engine that is always there.
pub const PLATE: &str = "plate";
/// The engine that needs weights.
pub const VOID: &str = "void";

/// Letters that a negative prompt has at most; the model reads far fewer.
const MOST_NEGATIVE: usize = 2_000;

/// An engine with everything that a person chooses of its run. In rows the engine's word and the knobs are two columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "engine", content = "order", rename_all = "snake_case")]
pub enum Recipe {
    Plate(PlateRecipe),
    Void(VoidOrder),
}

/// One pass of VOID. The prompt is no part of it: it is of the approved quadmask.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoidOrder {
    /// What the scene shall not show; heard where guidance is above 1.
    pub negative_prompt: String,
    /// For pass 2: the version of pass 1 that it starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_pass: Option<VersionId>,
    pub knobs: VoidRecipe,
}

/// What a run needs of its worker beyond what every worker has; in rows as its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    VoidPass1,
    VoidPass2,
    Sam2,
    Sam3,
    /// A model outside, see [`crate::outside`].
    Outside,
}

impl Need {
    pub fn word(self) -> &'static str {
        match self {
            Self::VoidPass1 => "void_pass1",
            Self::VoidPass2 => "void_pass2",
            Self::Sam2 => "sam2",
            Self::Sam3 => "sam3",
            Self::Outside => "outside",
        }
    }
}

impl Recipe {
    /// As in rows.
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Plate(_) => PLATE,
            Self::Void(_) => VOID,
        }
    }

    /// The knobs as in rows.
    pub fn knobs(&self) -> serde_json::Value {
        let knobs = match self {
            Self::Plate(recipe) => serde_json::to_value(recipe),
            Self::Void(order) => serde_json::to_value(order),
        };
        knobs.expect("plain JSON")
    }

    /// From the two columns of a row.
    ///
    /// # Errors
    /// An engine that is not known, or knobs that are not its own.
    pub fn read(engine: &str, knobs: serde_json::Value) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| error.to_string();
        match engine {
            PLATE => serde_json::from_value(knobs).map(Self::Plate).map_err(wrong),
            VOID => serde_json::from_value(knobs).map(Self::Void).map_err(wrong),
            other => Err(format!("there is no engine “{other}”")),
        }
    }

    /// The recipe, if every knob is in range.
    pub fn checked(self) -> Result<Self, BadRecipe> {
        Ok(match self {
            Self::Plate(recipe) => Self::Plate(recipe.checked()?),
            Self::Void(order) => Self::Void(order.checked()?),
        })
    }

    pub fn need(&self) -> Option<Need> {
        match self {
            Self::Plate(_) => None,
            Self::Void(order) => Some(order.need()),
        }
    }
}

impl VoidOrder {
    /// The order, if every knob is in range.
    pub fn checked(self) -> Result<Self, BadRecipe> {
        let letters = self.negative_prompt.chars().count();
        if letters > MOST_NEGATIVE {
            let (knob, range) = ("negative_prompt", "at most 2000 letters");
            return Err(BadRecipe { knob, value: format!("{letters} letters long"), range });
        }
        Ok(Self { knobs: self.knobs.checked()?, ..self })
    }

    /// 1 or 2.
    pub fn pass(&self) -> u32 {
        if self.first_pass.is_some() { 2 } else { 1 }
    }

    pub fn need(&self) -> Need {
        if self.first_pass.is_some() { Need::VoidPass2 } else { Need::VoidPass1 }
    }
}

impl From<PlateRecipe> for Recipe {
    fn from(recipe: PlateRecipe) -> Self {
        Self::Plate(recipe)
    }
}

impl From<VoidOrder> for Recipe {
    fn from(order: VoidOrder) -> Self {
        Self::Void(order)
    }
}

/// What a worker can do beside what every worker can; it says so when it registers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Abilities {
    pub void: VoidAbility,
    pub sam2: Sam2Ability,
    pub sam3: Sam3Ability,
    /// The model outside that it was told to ask where a project allows it; `None`: it was told of none.
    pub outside: Option<Outside>,
}

/// What a worker program says of itself when it is asked without a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbleReport {
    pub version: String,
    /// Where its networks run, `cpu` or `cuda`; `None`: it was built without them.
    pub device: Option<String>,
    pub threads: u32,
    pub abilities: Abilities,
}

/// Who grows a primary mask from clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segmenter {
    /// The one that needs no weights and is always there.
    #[default]
    Plate,
    Sam2,
}

impl Segmenter {
    pub const ALL: [Self; 2] = [Self::Plate, Self::Sam2];

    /// As in rows and forms.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Sam2 => "sam2",
        }
    }

    /// As people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plate => "Without weights",
            Self::Sam2 => "SAM 2",
        }
    }

    pub fn need(self) -> Option<Need> {
        match self {
            Self::Plate => None,
            Self::Sam2 => Some(Need::Sam2),
        }
    }
}

impl std::str::FromStr for Segmenter {
    type Err = ();

    fn from_str(slug: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|one| one.slug() == slug).ok_or(())
    }
}

/// What grew a draft's primary mask last, or answered a click.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrownBy {
    pub by: Segmenter,
    /// Of SAM 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
}

impl GrownBy {
    /// In words, e.g. “SAM 2.1 · sam2.1_hiera_large”.
    pub fn words(&self) -> String {
        match &self.network {
            Some(network) if network.is_test_model => "SAM 2 · test model: random weights".to_owned(),
            Some(network) => network.name.clone(),
            None => "the segmenter that needs no weights".to_owned(),
        }
    }
}

/// How a click was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickAnswer {
    /// The frame that was clicked.
    pub frame: u32,
    pub by: GrownBy,
    /// From the click's arrival at the server to its mask.
    pub ms: u32,
}

/// A network on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its generation and its file, or “test model” where its weights are random.
    pub name: String,
    pub is_test_model: bool,
    pub fingerprint: Hash,
    /// `cpu` or `cuda`.
    pub device: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Sam2Ability {
    /// Built without libtorch, or older than this list.
    #[default]
    WithoutLibtorch,
    /// Its checkpoint is not there, or not whole; `why` names the folder or file and what to do.
    Lacking {
        why: String,
    },
    Able {
        network: Network,
    },
}

impl Sam2Ability {
    /// The network that grows a mask.
    ///
    /// # Errors
    /// What is missing and what to do.
    pub fn network(&self) -> Result<&Network, String> {
        match self {
            Self::WithoutLibtorch => Err(SAM2_WITHOUT_LIBTORCH.to_owned()),
            Self::Lacking { why } => Err(why.clone()),
            Self::Able { network } => Ok(network),
        }
    }

    /// For people whom a server's folders are no business of: without the name of any.
    #[must_use]
    pub fn for_everybody(self) -> Self {
        match self {
            Self::Lacking { .. } => Self::Lacking { why: lacks("SAM 2") },
            other => other,
        }
    }

    /// Which of two workers' words is worth more.
    pub fn rank(&self) -> u32 {
        match self {
            Self::WithoutLibtorch => 0,
            Self::Lacking { .. } => 1,
            Self::Able { .. } => 2,
        }
    }
}

/// What those are told of missing weights who do not look after the server's disk.
pub(crate) fn lacks(what: &str) -> String {
    format!(
        "The weights of {what} are not there, or not whole. An owner or a producer sees here what is missing, and gets it on the \
         Models page."
    )
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a worker has one of them")]
pub enum VoidAbility {
    /// Built without libtorch, or older than this list.
    #[default]
    WithoutLibtorch,
    /// Its weights are not there, or not whole; `why` names the folder or file and what to do.
    Lacking { why: String },
    Able {
        pass1: Weights,
        /// `None`: `pass2_lacks` says why.
        pass2: Option<Weights>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pass2_lacks: Option<String>,
    },
}

/// The weights of one pass on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// The folder's name, or “test model” where they are random.
    pub name: String,
    pub is_test_model: bool,
    pub fingerprint: Hash,
    /// `cpu` or `cuda`.
    pub device: String,
    /// Largest canvas, width and height in pixels.
    pub largest_canvas: [u32; 2],
    /// What they are computed with, for predictions; `None`: a worker older than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
}

impl Weights {
    /// Whether a recipe's canvas is one that they can work on.
    ///
    /// # Errors
    /// Which is the largest.
    pub fn fit(&self, recipe: &VoidRecipe) -> Result<(), String> {
        let ([width, height], [most_width, most_height]) =
            ([recipe.canvas_width, recipe.canvas_height], self.largest_canvas);
        if width <= most_width && height <= most_height {
            return Ok(());
        }
        Err(format!(
            "A canvas of {width}×{height} is larger than this model's largest, {most_width}×{most_height}. Choose a smaller canvas."
        ))
    }
}

impl VoidAbility {
    /// The weights that a need is met with.
    ///
    /// # Errors
    /// What is missing and what to do.
    pub fn weights(&self, need: Need) -> Result<&Weights, String> {
        match (self, need) {
            (Self::WithoutLibtorch, _) => Err(WITHOUT_LIBTORCH.to_owned()),
            (Self::Lacking { why }, _) => Err(why.clone()),
            (Self::Able { pass1, .. }, Need::VoidPass1) => Ok(pass1),
            (Self::Able { pass2: Some(pass2), .. }, Need::VoidPass2) => Ok(pass2),
            (Self::Able { .. }, Need::Sam2 | Need::Sam3) => Err("SAM is no part of VOID.".to_owned()),
            (Self::Able { .. }, Need::Outside) => Err("A model outside is no part of VOID.".to_owned()),
            (Self::Able { pass2_lacks, .. }, Need::VoidPass2) => {
                Err(pass2_lacks.clone().unwrap_or_else(|| "The weights of pass 2 are not there.".to_owned()))
            }
        }
    }

    /// For people whom a server's folders are no business of: without the name of any.
    #[must_use]
    pub fn for_everybody(self) -> Self {
        match self {
            Self::Lacking { .. } => Self::Lacking { why: lacks("VOID") },
            Self::Able { pass1, pass2: None, .. } => {
                Self::Able { pass1, pass2: None, pass2_lacks: Some(lacks("pass 2")) }
            }
            other => other,
        }
    }

    /// Which of two workers' words is worth more: the one that can do more, or is closer to it.
    pub fn rank(&self) -> u32 {
        match self {
            Self::WithoutLibtorch => 0,
            Self::Lacking { .. } => 1,
            Self::Able { pass2: None, .. } => 2,
            Self::Able { pass2: Some(_), .. } => 3,
        }
    }
}

const SAM2_WITHOUT_LIBTORCH: &str = "The worker was built without libtorch, so it cannot run SAM 2. Build it with its networks: \
     `cargo xtask run` does, unless it is given `--without-void`.";

const WITHOUT_LIBTORCH: &str = "The worker was built without libtorch, so it cannot run VOID. Build it with VOID: \
     `cargo xtask run` does, unless it is given `--without-void`.";

impl Abilities {
    /// Words of the needs that are met, for the queue.
    pub fn needs(&self) -> Vec<&'static str> {
        let met = |need: &Need| match need {
            Need::Sam2 => self.sam2.network().is_ok(),
            Need::Sam3 => self.sam3.network().is_ok(),
            Need::Outside => self.outside.is_some(),
            need => self.void.weights(*need).is_ok(),
        };
        let all = [Need::VoidPass1, Need::VoidPass2, Need::Sam2, Need::Sam3, Need::Outside];
        all.into_iter().filter(met).map(Need::word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_both_engines_read_back_and_old_ones_still_do() {
        let old = serde_json::json!({ "edge_px": 6, "feather_px": 3, "grain": 1.0, "reach": 256, "seed": 1 });
        let plate = Recipe::read(PLATE, old.clone()).expect("a plate recipe");
        assert_eq!((plate.engine(), plate.knobs(), plate.need()), (PLATE, old, None));
        let order = VoidOrder { negative_prompt: "blur".into(), ..VoidOrder::default() };
        let void = Recipe::from(order.clone());
        assert_eq!(Recipe::read(VOID, void.knobs()), Ok(void.clone()));
        assert_eq!(void.need(), Some(Need::VoidPass1));
        let second = VoidOrder { first_pass: Some(VersionId(Default::default())), ..order };
        assert_eq!((second.pass(), second.need()), (2, Need::VoidPass2));
        assert!(Recipe::read("other", serde_json::json!({})).is_err());
        assert!(Recipe::read(VOID, serde_json::json!({ "edge_px": 1 })).is_err());
        let sent = serde_json::to_string(&void).expect("plain JSON");
        assert_eq!(serde_json::from_str::<Recipe>(&sent).expect("reads"), void);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        let knobs = VoidRecipe { canvas_width: 100, ..VoidRecipe::default() };
        let bad = Recipe::from(VoidOrder { knobs, ..VoidOrder::default() }).checked().expect_err("refused");
        assert_eq!(bad.knob, "canvas_width");
        let long = VoidOrder { negative_prompt: "x".repeat(2_001), ..VoidOrder::default() };
        assert!(long.checked().expect_err("refused").to_string().contains("at most 2000"));
    }

    #[test]
    fn what_a_worker_lacks_is_told_by_need() {
        let weights = Weights {
            name: "void".into(),
            is_test_model: false,
            fingerprint: Hash::of(b"w"),
            device: "cpu".into(),
            largest_canvas: [720, 480],
            machine: None,
        };
        let able = |pass2: Option<Weights>, lacks: Option<&str>| Abilities {
            void: VoidAbility::Able { pass1: weights.clone(), pass2, pass2_lacks: lacks.map(str::to_owned) },
            ..Abilities::default()
        };
        let half = able(None, Some("void_pass2.safetensors is not there."));
        assert_eq!(half.needs(), ["void_pass1"]);
        assert!(half.void.weights(Need::VoidPass2).expect_err("half").contains("void_pass2"));
        assert_eq!(able(Some(weights.clone()), None).needs(), ["void_pass1", "void_pass2"]);
        let old: Abilities = serde_json::from_str("{}").expect("an older worker");
        assert!(old.needs().is_empty());
        assert!(old.void.weights(Need::VoidPass1).expect_err("none").contains("without libtorch"));
        let sent = serde_json::to_string(&half).expect("plain JSON");
        assert_eq!(serde_json::from_str::<Abilities>(&sent).expect("reads"), half);
    }

    #[test]
    fn folders_are_told_to_nobody_whose_business_they_are_not() {
        let why = "/srv/models/void/void_pass1.safetensors is not there.".to_owned();
        let void = VoidAbility::Lacking { why: why.clone() }.for_everybody();
        let sam2 = Sam2Ability::Lacking { why: why.clone() }.for_everybody();
        let pass1 = Weights {
            name: "void".into(),
            is_test_model: false,
            fingerprint: Hash::of(b"w"),
            device: "cpu".into(),
            largest_canvas: [720, 480],
            machine: None,
        };
        let half = VoidAbility::Able { pass1, pass2: None, pass2_lacks: Some(why) };
        let told = [
            void.weights(Need::VoidPass1).map(|_| ()).expect_err("lacking"),
            half.clone().for_everybody().weights(Need::VoidPass2).map(|_| ()).expect_err("lacking"),
            sam2.network().map(|_| ()).expect_err("lacking"),
        ];
        assert!(told.iter().all(|told| !told.contains("srv") && told.contains("Models page")), "{told:?}");
        assert_eq!(half.clone().for_everybody().weights(Need::VoidPass1), half.weights(Need::VoidPass1));
    }
}
