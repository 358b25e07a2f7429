//! What a phrase found in a frame, and which of it counts at which threshold. sam3-spec.md §10

use tch::{Device, Kind, Tensor};

/// The two ways in which scores and masks are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Logits are brought to the frame's size, then cut.
    #[default]
    Official,
    /// Probabilities are brought to the frame's size, then cut. Differs at edges.
    Transformers,
}

impl Manner {
    /// A score must be above it.
    pub fn threshold(self) -> f64 {
        match self {
            Self::Official => 0.5,
            Self::Transformers => 0.3,
        }
    }

    /// Mask logits [h, w] → probabilities at the frame's size [height, width], not rounded.
    pub fn probability(self, logits: &Tensor, [height, width]: [i64; 2]) -> Tensor {
        let grow = |t: &Tensor| {
            let t = t.unsqueeze(0).unsqueeze(0); // 1 1 h w
            t.upsample_bilinear2d([height, width], false, None, None).squeeze_dim(0).squeeze_dim(0)
        };
        match self {
            Self::Official => grow(logits).sigmoid(),
            Self::Transformers => grow(&logits.sigmoid()),
        }
    }
}

/// What the network said about one phrase and one frame; every threshold can be asked of it without running it again.
pub struct Seeking {
    /// Whether each query fits: [queries], clamped logits
    pub logits: Tensor,
    /// Whether the phrase is in the frame at all: a logit
    pub presence: f64,
    /// Corners, in shares of the frame, not clamped to it: [queries, 4]
    pub boxes: Tensor,
    /// Queries that have a mask, in order: those whose score is above the floor that was asked for.
    pub masked: Vec<i64>,
    /// Mask logits of these queries: [masked, h, w]
    pub masks: Tensor,
    /// One mask of everything that fits, as logits: [h, w]
    pub all: Tensor,
    /// Height and width of the frame.
    pub frame: [i64; 2],
}

/// One thing that was found.
pub struct Instance {
    pub query: i64,
    pub score: f64,
    /// Left, top, right, bottom in pixels of the frame, neither rounded nor clamped.
    pub corners: [f64; 4],
    /// [height, width] of the frame, booleans on the CPU
    pub mask: Tensor,
}

/// What a phrase found. There is no empty mask among these: nothing is said to be nothing, with how near it came.
pub enum Found {
    /// In the network's own order, which is not by score. `all_queries`: it has no more queries to give, so there may
    /// be more of them.
    Instances { instances: Vec<Instance>, all_queries: bool },
    /// Nothing reached the threshold.
    Nothing { best_score: f64, presence: f64 },
}

impl Seeking {
    /// [queries] in 0…1: how well it fits, times whether the phrase is there at all.
    pub fn scores(&self) -> Tensor {
        scores(&self.logits, self.presence)
    }

    /// What counts at a threshold. Below the floor of [`Self::masked`] there is nothing more to find.
    pub fn at(&self, threshold: f64, manner: Manner) -> Found {
        let rows = self.rows(threshold);
        if rows.is_empty() {
            return Found::Nothing {
                best_score: self.best(),
                presence: 1.0 / (1.0 + (-self.presence).exp()),
            };
        }
        let all_queries = rows.len() as i64 == self.logits.numel() as i64;
        let instances = rows.into_iter().map(|(row, score)| self.instance(row, score, manner)).collect();
        Found::Instances { instances, all_queries }
    }

    /// The highest score there is, also where it is below every threshold.
    pub fn best(&self) -> f64 {
        self.all_scores().into_iter().fold(0.0, f64::max)
    }

    /// How many things the network could have found.
    pub fn queries(&self) -> usize {
        self.logits.numel()
    }

    /// Rows of [`Self::masks`] that score above a threshold, with their scores, in the network's own order. Nothing of plate size
    /// is made yet.
    pub fn rows(&self, threshold: f64) -> Vec<(usize, f64)> {
        let scores = self.all_scores();
        let row = |(row, query): (usize, &i64)| (row, scores[*query as usize]);
        self.masked.iter().enumerate().map(row).filter(|(_, score)| *score > threshold).collect()
    }

    /// The thing of a row, with its mask at the frame's size.
    pub fn instance(&self, row: usize, score: f64, manner: Manner) -> Instance {
        let query = self.masked[row];
        let [height, width] = self.frame;
        let mask = manner.probability(&self.masks.get(row as i64), self.frame).gt(0.5);
        let sides: Vec<f64> =
            Vec::try_from(self.boxes.get(query).to_kind(Kind::Double)).expect("four numbers a box");
        let sizes = [width, height, width, height];
        let corners = std::array::from_fn(|side| sides[side] * sizes[side] as f64);
        Instance { query, score, corners, mask: mask.to_device(Device::Cpu) }
    }

    fn all_scores(&self) -> Vec<f64> {
        Vec::try_from(self.scores().to_kind(Kind::Double)).expect("one score a query")
    }
}

/// [queries] in 0…1
pub fn scores(logits: &Tensor, presence: f64) -> Tensor {
    logits.sigmoid() / (1.0 + (-presence).exp())
}
