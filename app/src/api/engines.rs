//! Which engines the living workers have, and what earlier runs of them took.

use domain::VoidOrder;
use domain::find::Sam3Ability;
use domain::outside::Outside;
use domain::predict::{Foresight, Wanted, foresee};
use domain::recipe::VoidRecipe;
use domain::run::{Need, Network, Sam2Ability, Segmenter, VoidAbility, Weights};
use domain::version::MadeBy;
use serde::{Deserialize, Serialize};

/// Beside the plate engine, which is always there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Engines {
    /// What the worker that can do most can do with VOID; `None`: no worker lives.
    pub void: Option<VoidAbility>,
    /// Its host.
    pub host: String,
    /// What the worker that can do most can do with SAM 2; `None`: no worker lives.
    pub sam2: Option<Sam2Ability>,
    /// What the worker that can do most can do with SAM 3; `None`: no worker lives.
    pub sam3: Option<Sam3Ability>,
    /// The model outside that a worker was told to ask. Of a shot only where its project allows just that.
    pub outside: Option<Outside>,
    /// What earlier runs on that host with those weights took, newest first.
    pub measured: Vec<MadeBy>,
}

const NOBODY: &str = "No worker is running, so it is not known whether VOID is there. Start one: the server does unless it was told \
     not to, or `minus-one-worker run`.";

const NOBODY_SAM2: &str = "No worker is running, so it is not known whether SAM 2 is there. Start one: the server does unless it was \
     told not to, or `minus-one-worker run`.";

const NOBODY_SAM3: &str = "No worker is running, so it is not known whether words can be looked for. Start one: the server does \
     unless it was told not to, or `minus-one-worker run`.";

impl Engines {
    /// The weights that a pass would run on now.
    ///
    /// # Errors
    /// What is missing and what to do.
    pub fn weights(&self, need: Need) -> Result<&Weights, String> {
        self.void.as_ref().ok_or_else(|| NOBODY.to_owned())?.weights(need)
    }

    /// What an order will take on a plate of `width`×`height` pixels: from runs like it here, or from what its worker told of its
    /// device; nothing where no worker can run it.
    pub fn foresee(&self, order: &VoidOrder, frames: u32, (width, height): (u32, u32)) -> Foresight {
        let Ok(weights) = self.weights(order.need()) else { return Foresight::default() };
        let wanted = Wanted { recipe: &order.knobs, pass: order.pass(), frames, width, height };
        foresee(weights.machine.as_ref(), &wanted, |made| self.is_of(made, weights), &self.measured)
    }

    fn is_of(&self, made: &MadeBy, weights: &Weights) -> bool {
        made.fingerprint == weights.fingerprint && made.device == weights.device && made.host == self.host
    }

    /// The network that SAM 2 would run on now.
    ///
    /// # Errors
    /// What is missing and what to do.
    pub fn sam2(&self) -> Result<&Network, String> {
        self.sam2.as_ref().ok_or_else(|| NOBODY_SAM2.to_owned())?.network()
    }

    /// The network that finds things by words now.
    ///
    /// # Errors
    /// What is missing and what to do.
    pub fn sam3(&self) -> Result<&Network, String> {
        self.sam3.as_ref().ok_or_else(|| NOBODY_SAM3.to_owned())?.network()
    }

    /// Who grows masks unless somebody else is asked for: real weights before none, none before random ones.
    pub fn segmenter(&self) -> Segmenter {
        match self.sam2() {
            Ok(network) if !network.is_test_model => Segmenter::Sam2,
            _ => Segmenter::Plate,
        }
    }

    /// Whether a pass with these knobs could run now.
    ///
    /// # Errors
    /// What is missing or too large, and what to do.
    pub fn can_run(&self, need: Need, knobs: &VoidRecipe) -> Result<(), String> {
        self.weights(need)?.fit(knobs)
    }
}

#[cfg(feature = "ssr")]
impl Engines {
    /// As they are now.
    pub async fn now(cx: &crate::context::Cx) -> Result<Self, crate::error::ApiError> {
        let Some(jobs::Best { void, host, sam2, sam3, outside }) = cx.state.queue().best().await? else {
            return Ok(Self::default());
        };
        // Where a server keeps its files concerns those who look after it.
        let (void, sam2, sam3) = match cx.allowed(domain::Action::ManageDisk) {
            Ok(()) => (void, sam2, sam3),
            Err(_) => (void.for_everybody(), sam2.for_everybody(), sam3.for_everybody()),
        };
        let mut engines = Self {
            void: Some(void),
            host,
            sam2: Some(sam2),
            sam3: Some(sam3),
            outside,
            measured: Vec::new(),
        };
        let mut measured = db::versions::measured(cx.db()).await?;
        measured.retain(|made| {
            [Need::VoidPass1, Need::VoidPass2]
                .into_iter()
                .filter_map(|need| engines.weights(need).ok())
                .any(|weights| engines.is_of(made, weights))
        });
        engines.measured = measured;
        Ok(engines)
    }
}
