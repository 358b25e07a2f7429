//! What a shot's masks are worth beside the known ones.

use serde_json::{Value, json};

use super::super::child::Ended;
use super::case::Case;

/// One frame.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    pub frame: u32,
    /// `None` where the object is not seen.
    pub iou: Option<f64>,
    /// Whether the mask is empty.
    pub empty: bool,
    pub confidence: f64,
}

pub struct Scores {
    /// Every frame in order.
    pub frames: Vec<Score>,
    pub took: Ended,
}

impl Scores {
    /// Mean intersection over union over the frames where the object is seen.
    pub fn mean_iou(&self) -> f64 {
        mean(self.frames.iter().filter_map(|s| s.iou))
    }

    /// Confidence and what it stands for, where the object is seen.
    pub fn believed(&self) -> Vec<(f64, f64)> {
        self.frames.iter().filter_map(|s| Some((s.confidence, s.iou?))).collect()
    }

    pub fn figures(&self, case: &Case, decoding: &Ended) -> Value {
        let frames = self.frames.len() as f64;
        let seen = self.frames.iter().filter_map(|s| Some((s.frame, s.iou?)));
        let worst = seen.min_by(|a, b| a.1.total_cmp(&b.1));
        let hidden: Vec<&Score> = self.frames.iter().filter(|s| s.iou.is_none()).collect();
        let believed = self.believed();
        json!({
            "shot": case.name,
            "frames": self.frames.len(),
            "width": case.size.0, "height": case.size.1,
            "clicks": case.clicks,
            "mean_iou": self.mean_iou(),
            "worst": worst.map(|(frame, iou)| json!({ "frame": frame, "iou": iou })),
            "scored_frames": believed.len(),
            "not_seen": { "frames": hidden.len(), "rightly_empty": hidden.iter().filter(|s| s.empty).count() },
            "confidence": {
                "spearman_with_iou": spearman(&believed),
                "mean_difference": mean(believed.iter().map(|(c, iou)| (c - iou).abs())),
                "mean_where_seen": mean(believed.iter().map(|b| b.0)),
                "mean_where_not_seen": (!hidden.is_empty()).then(|| mean(hidden.iter().map(|s| s.confidence))),
            },
            "seconds_per_frame": self.took.seconds / frames,
            "processor_seconds_per_frame": self.took.processor_seconds / frames,
            "decoding_processor_seconds_per_frame": decoding.processor_seconds / frames,
            "times_decoding": self.took.processor_seconds / decoding.processor_seconds.max(1e-3),
            "iou_by_frame": self.frames.iter().map(|s| s.iou.map(thousandths)).collect::<Vec<_>>(),
            "confidence_by_frame": self.frames.iter().map(|s| thousandths(s.confidence)).collect::<Vec<_>>(),
        })
    }
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// 0 for none.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count == 0.0 { 0.0 } else { sum / count }
}

/// Intersection over union; `None` where `truth` is empty.
pub fn iou(mask: impl Iterator<Item = bool>, truth: impl Iterator<Item = bool>) -> Option<f64> {
    let (mut both, mut any, mut real) = (0_u64, 0_u64, 0_u64);
    for (m, t) in mask.zip(truth) {
        both += u64::from(m && t);
        any += u64::from(m || t);
        real += u64::from(t);
    }
    (real > 0).then(|| both as f64 / any as f64)
}

/// Spearman's rank correlation of pairs, −1..=1; ties share their rank. `None` where one side never changes.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let one = ranks(pairs.iter().map(|p| p.0).collect());
    let two = ranks(pairs.iter().map(|p| p.1).collect());
    let (m1, m2) = (mean(one.iter().copied()), mean(two.iter().copied()));
    let product: f64 = one.iter().zip(&two).map(|(a, b)| (a - m1) * (b - m2)).sum();
    let squares = |ranks: &[f64], m: f64| ranks.iter().map(|r| (r - m).powi(2)).sum::<f64>();
    let scale = (squares(&one, m1) * squares(&two, m2)).sqrt();
    (scale > 0.0).then(|| product / scale)
}

fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let same = order[from..].iter().take_while(|i| values[**i] == values[order[from]]).count();
        for place in &order[from..from + same] {
            ranks[*place] = from as f64 + (same - 1) as f64 / 2.0;
        }
        from += same;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_decide_not_sizes() {
        let close = |pairs: &[(f64, f64)], wanted: f64| {
            let found = spearman(pairs).unwrap();
            assert!((found - wanted).abs() < 1e-9, "{found}");
        };
        close(&[(0.1, 1.0), (0.2, 10.0), (0.9, 11.0)], 1.0);
        close(&[(3.0, 1.0), (2.0, 2.0), (1.0, 30.0)], -1.0);
        close(&[(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (2.0, 2.0)], 0.0);
        assert!(spearman(&[(1.0, 0.3), (1.0, 0.4)]).is_none());
    }

    #[test]
    fn overlap_is_counted_over_both() {
        let one = [true, true, false, false];
        let two = [false, true, true, false];
        assert_eq!(iou(one.into_iter(), two.into_iter()), Some(1.0 / 3.0));
        assert_eq!(iou(one.into_iter(), [false; 4].into_iter()), None);
    }
}
