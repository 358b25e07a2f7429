//! `sam2/`: every part of SAM 2.0 and 2.1, and whole tracks, in each folder that has a configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

use super::{Case, Golden, Report};
use crate::sam2::{
    Click, Config, Direction, Found, Memory, Options, Prompt, Rect, Sam2, Session, Shot, Single, Turn,
    fill_holes, of_frame, of_picture, stability,
};
use crate::{Error, Watch, Weights};

// fixtures/README.md
const ENCODER: f64 = 5e-5;
const DECODER: f64 = 1e-4;
const VIDEO_LOGITS: f64 = 1e-2;
const OVERLAP: f64 = 1e-3; // 1 − IoU of the masks
/// Waves of f32 angles to about 100: as far as two libraries' sines of them agree.
const WAVES: f64 = 1e-5;
/// Memory is stored in bf16, and a rounding can flip: the step between two such numbers, of the largest.
const BF16_STEP: f64 = 1.0 / 128.0;

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("sam2");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(()) };
    let mut versions: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.retain(|version| version.join("config.json").is_file());
    versions.sort();
    for version in versions {
        let name = version.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let weights = version.join("weights_original_keys_f16.safetensors");
        let opened = Config::read(&version.join("config.json"))
            .and_then(|config| Sam2::new(&Weights::open(&weights, Device::Cpu, Kind::Float)?, &config));
        let net = match opened {
            Ok(net) => net,
            Err(error) => {
                report.case(&name, |_| Err(error));
                continue;
            }
        };
        for (file, check) in CASES {
            let path = version.join(format!("{file}.safetensors"));
            if path.is_file() {
                report.case(&format!("{name}/{file}"), |case| {
                    check(&Fixture { net: &net, folder: &version, golden: &Golden::open(&path)? }, case)
                });
            }
        }
    }
    Ok(())
}

struct Fixture<'a> {
    net: &'a Sam2,
    folder: &'a Path,
    golden: &'a Golden,
}

type Check = fn(&Fixture, &mut Case) -> Result<(), Error>;

const CASES: &[(&str, Check)] = &[
    ("image_encoder", image_encoder),
    ("prompt_encoder", prompt_encoder),
    ("mask_decoder", mask_decoder),
    ("memory_encoder", memory_encoder),
    ("memory_attention", memory_attention),
    ("fill_holes", holes),
    ("video_points", |fixture, case| clicks(fixture, case, PLAIN)),
    ("video_points_all_cond", |fixture, case| {
        clicks(fixture, case, Options { corrections_stay: true, ..PLAIN })
    }),
    ("video_points_fill8", |fixture, case| clicks(fixture, case, Options { fill_holes: 8, ..PLAIN })),
    ("video_points_occluded", occluded),
    ("video_void_stage1", first_stage),
    ("video_mask_prompt", mask_prompt),
    ("image_predictor", image_predictor),
];

/// As the fixtures were made where their names do not say otherwise.
const PLAIN: Options =
    Options { fill_holes: 0, corrections_stay: false, kept_frames: 500, kept_features: 4, most_given: 0 };

impl Fixture<'_> {
    fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        self.golden.tensor(name)
    }

    /// A file beside this one.
    fn beside(&self, name: &str) -> Result<Golden, Error> {
        Golden::open(&self.folder.join(format!("{name}.safetensors")))
    }

    /// The numbers that stand between two parts of a name: frames.
    fn frames(&self, before: &str, after: &str) -> BTreeSet<i64> {
        let number = |name: &str| name.strip_prefix(before)?.strip_suffix(after)?.parse().ok();
        self.golden.names().filter_map(number).collect()
    }

    /// What stands before `after` in names.
    fn prompts(&self, after: &str) -> BTreeSet<String> {
        self.golden.names().filter_map(|name| Some(name.strip_suffix(after)?.to_owned())).collect()
    }
}

fn image_encoder(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let image = fixture.tensor("image")?;
    let encoder = &fixture.net.image;
    let table = fixture.tensor("pos_embed_full")?;
    let (_, h, w, _) = table.size4()?;
    case.compare("pos_embed_full", &encoder.position_table(h, w), &table, ENCODER);
    case.compare(
        "trunk.patch_embed",
        &encoder.patches(&image),
        &fixture.tensor("trunk.patch_embed")?,
        ENCODER,
    );
    let mut watch = Watch::all();
    let maps = encoder.watched(&image, &mut watch);
    for (block, x) in watch.seen() {
        let name = format!("trunk.{block}");
        case.compare(&name, &x, &fixture.tensor(&name)?, ENCODER);
    }
    for (i, map) in maps.iter().enumerate() {
        let name = format!("fpn{i}");
        case.compare(&name, map, &fixture.tensor(&name)?, ENCODER);
    }
    case.compare("pos_enc_last", fixture.net.place(), &fixture.tensor("pos_enc_last")?, WAVES);
    let features = fixture.net.decoder.features(maps);
    case.compare("fpn0_conv_s0", &features.fine, &fixture.tensor("fpn0_conv_s0")?, ENCODER);
    case.compare("fpn1_conv_s1", &features.middle, &fixture.tensor("fpn1_conv_s1")?, ENCODER);
    Ok(())
}

fn prompt_encoder(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let encoder = &fixture.net.prompt;
    for prompt in fixture.prompts(".coords") {
        let of = |name: &str| fixture.tensor(&format!("{prompt}.{name}"));
        let labels = of("labels")?.to_kind(Kind::Int64);
        let sparse = encoder.points(&of("coords")?, &labels);
        case.compare(&format!("{prompt}.sparse"), &sparse, &of("sparse")?, ENCODER);
        let dense = match of("mask") {
            Ok(mask) => encoder.mask(&mask),
            Err(_) => encoder.no_mask(1),
        };
        if fixture.golden.has(&format!("{prompt}.dense")) {
            case.compare(&format!("{prompt}.dense"), &dense, &of("dense")?, ENCODER);
        }
    }
    case.compare("dense_pe", &encoder.grid_position(), &fixture.tensor("dense_pe")?, ENCODER);
    Ok(())
}

fn mask_decoder(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let prompts = fixture.beside("prompt_encoder")?;
    let (fine, middle) = (fixture.tensor("high_res0")?, fixture.tensor("high_res1")?);
    let coarse = fixture.tensor("image_embeddings")?;
    let place = prompts.tensor("dense_pe")?;
    for prompt in fixture.prompts(".multi.masks") {
        let sparse = prompts.tensor(&format!("{prompt}.sparse"))?;
        let dense = fixture.net.prompt.no_mask(1);
        let all = fixture.net.decoder.forward(&coarse, &place, &sparse, &dense, (&fine, &middle));
        let (three, one) = (all.three(), all.one());
        let first = stability(&all.masks.narrow(1, 0, 1));
        for (name, got) in [
            ("multi.masks", &three.masks),
            ("multi.ious", &three.ious),
            ("multi.tokens", &three.tokens),
            ("multi.obj_score", &three.score),
            ("single.masks", &one.masks),
            ("single.ious", &one.ious),
            ("single.tokens", &one.tokens),
            ("single.obj_score", &one.score),
            ("all4.masks", &all.masks),
            ("all4.ious", &all.ious),
            ("stability_mask0", &first),
        ] {
            let name = format!("{prompt}.{name}");
            if fixture.golden.has(&name) {
                case.compare(&name, got, &fixture.tensor(&name)?, DECODER);
            }
        }
    }
    Ok(())
}

fn memory_encoder(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let encoder = &fixture.net.memory;
    let mask = fixture.tensor("mask_scaled")?;
    case.compare("mask_downsampled", &encoder.mask(&mask), &fixture.tensor("mask_downsampled")?, ENCODER);
    let map = encoder.forward(&fixture.tensor("pix_feat")?, &mask);
    case.compare("vision_features", &map, &fixture.tensor("vision_features")?, ENCODER);
    case.compare("vision_pos_enc", fixture.net.memory_place(), &fixture.tensor("vision_pos_enc")?, WAVES);
    Ok(())
}

fn memory_attention(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    #[derive(serde::Deserialize)]
    struct Cases {
        cases: BTreeMap<String, serde_json::Value>,
    }
    let Cases { cases } = crate::read_json(&fixture.folder.join("cases.json"))?;
    let pointers =
        cases.get("memory_attention").and_then(|case| case["num_obj_ptr_tokens"].as_i64()).unwrap_or(0);
    let tensor = |name: &str| Ok::<_, Error>(fixture.tensor(name)?.transpose(0, 1)); // n b c → b n c
    let (frame, place) = (tensor("curr")?, tensor("curr_pos")?);
    let turn = Turn::square(frame.size()[2], frame.size()[1], Device::Cpu);
    case.compare("freqs_cis_real", &turn.cos, &fixture.tensor("freqs_cis_real")?, WAVES);
    case.compare("freqs_cis_imag", &turn.sin, &fixture.tensor("freqs_cis_imag")?, WAVES);
    let memory = Memory { tokens: tensor("memory")?, positions: tensor("memory_pos")?, pointers };
    let mut watch = Watch::all();
    let out = fixture.net.attention.watched(&frame, &place, &memory, &mut watch);
    let first = &watch.seen()["layer0"];
    case.compare("layer0_out_batch_first", first, &fixture.tensor("layer0_out_batch_first")?, ENCODER);
    case.compare("out", &out.transpose(0, 1), &fixture.tensor("out")?, ENCODER);
    Ok(())
}

fn holes(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let mask = fixture.tensor("mask")?;
    for area in fixture.frames("filled_area", "") {
        let name = format!("filled_area{area}");
        let want = fixture.tensor(&name)?;
        case.compare(&name, &fill_holes(&mask, area as usize), &want, 0.0);
    }
    Ok(())
}

/// A shot from the frames that the video cases share, and what its session said.
struct Video<'a> {
    fixture: &'a Fixture<'a>,
    frames: Tensor,
    shot: Shot,
    session: Session,
}

const OBJECT: u32 = 1;

impl<'a> Video<'a> {
    fn new(fixture: &'a Fixture<'a>, options: Options) -> Result<Self, Error> {
        let frames = fixture.beside("video_points")?.tensor("frames_u8")?;
        let (count, height, width, _) = frames.size4()?;
        let shot = Shot { frames: count, height, width };
        Ok(Self { fixture, frames, shot, session: Session::new(shot, options)? })
    }

    fn mark(&mut self, frame: i64, prompt: Prompt) -> Result<Found, Error> {
        let frames = &self.frames;
        self.session.mark(self.fixture.net, &mut |i| Ok(frames.get(i)), OBJECT, frame, prompt)
    }

    fn propagate(&mut self, from: Option<i64>, direction: Direction) -> Result<BTreeMap<i64, Found>, Error> {
        let frames = &self.frames;
        let mut tracked = BTreeMap::new();
        self.session.propagate(
            self.fixture.net,
            &mut |i| Ok(frames.get(i)),
            from,
            direction,
            None,
            &mut |frame, found| {
                tracked.extend(found.into_iter().map(|found| (frame, found)));
                ControlFlow::Continue(())
            },
        )?;
        Ok(tracked)
    }

    /// Everything in the file about what was tracked in one go.
    fn compare(&self, case: &mut Case, step: &str, tracked: &BTreeMap<i64, Found>) -> Result<(), Error> {
        for frame in self.fixture.frames(&format!("{step}.f"), ".video_res_masks") {
            let found = tracked.get(&frame).ok_or_else(|| {
                Error::input(
                    format!("{step} did not reach frame {frame}"),
                    "Look at the order of its frames.",
                )
            })?;
            mask(self.fixture, case, &format!("{step}.f{frame}.video_res_masks"), found)?;
        }
        Ok(())
    }

    /// Everything in the file about what is kept after a step.
    fn compare_kept(&self, case: &mut Case, step: &str) -> Result<(), Error> {
        for part in ["cond", "noncond"] {
            let start = format!("{step}.{part}.f");
            for frame in self.fixture.frames(&start, ".obj_ptr") {
                let Some(kept) = self.session.kept(OBJECT, frame) else {
                    case.same(&format!("{start}{frame}"), false);
                    continue;
                };
                let mut one = |name: &str, got: Option<&Tensor>, tolerance: f64| -> Result<(), Error> {
                    let name = format!("{start}{frame}.{name}");
                    if self.fixture.golden.has(&name) {
                        let want = self.fixture.tensor(&name)?;
                        let largest = want.abs().max().double_value(&[]);
                        let tolerance =
                            if want.kind() == Kind::BFloat16 { BF16_STEP * largest } else { tolerance };
                        match got {
                            Some(got) => case.compare(&name, got, &want, tolerance),
                            None => case.same(&name, false),
                        }
                    }
                    Ok(())
                };
                one("pred_masks_low", kept.low.as_ref(), VIDEO_LOGITS)?;
                one("obj_ptr", Some(&kept.pointer), VIDEO_LOGITS)?;
                one("object_score_logits", Some(&kept.score), VIDEO_LOGITS)?;
                one("maskmem_features_bf16", kept.memory.as_ref(), 0.0)?;
            }
        }
        Ok(())
    }
}

/// Logits and the mask they make.
fn mask(fixture: &Fixture, case: &mut Case, name: &str, found: &Found) -> Result<(), Error> {
    let want = fixture.tensor(name)?.squeeze();
    case.compare(name, &found.logits, &want, VIDEO_LOGITS);
    let (got, want) = (found.logits.gt(0), want.gt(0));
    let count = |t: Tensor| t.sum(Kind::Double).double_value(&[]);
    let (both, either) = (count(got.logical_and(&want)), count(got.logical_or(&want)));
    let overlap = if either == 0.0 { 1.0 } else { both / either };
    case.compare(&format!("{name} > 0"), &Tensor::from(overlap), &Tensor::from(1.0), OVERLAP);
    Ok(())
}

/// Points [n, 2] with their labels; all of them on the object where there are none.
fn clicks_of(golden: &Golden, start: &str) -> Result<Vec<Click>, Error> {
    let points = Vec::<Vec<f64>>::try_from(&golden.tensor(&format!("{start}points"))?.to_kind(Kind::Double))?;
    let name = format!("{start}labels");
    let labels = if golden.has(&name) {
        Vec::<i64>::try_from(&golden.tensor(&name)?.to_kind(Kind::Int64))?
    } else {
        vec![1; points.len()]
    };
    let click = |(point, label): (&Vec<f64>, &i64)| Click {
        x: point[0] as f32,
        y: point[1] as f32,
        onto: *label == 1,
    };
    Ok(points.iter().zip(&labels).map(click).collect())
}

/// The first click, both ways from there; then a correction of a tracked frame, and forwards again.
fn clicks(fixture: &Fixture, case: &mut Case, options: Options) -> Result<(), Error> {
    let mut video = Video::new(fixture, options)?;
    let side = fixture.net.config.image_size;
    if fixture.golden.has("images_normalized_f0") {
        let square = of_frame(&video.frames.get(0), side)?.squeeze_dim(0);
        case.compare("images_normalized_f0", &square, &fixture.tensor("images_normalized_f0")?, 1e-6);
    }
    let marked = fixture.frames("click_f", ".points");
    let corrected = fixture.frames("click_f", ".labels");
    for frame in marked.difference(&corrected) {
        one_click(&mut video, case, *frame)?;
    }
    let first = marked.first().copied();
    let tracked = video.propagate(None, Direction::Forwards)?;
    video.compare(case, "fwd", &tracked)?;
    let tracked = video.propagate(first, Direction::Backwards)?;
    video.compare(case, "rev", &tracked)?;
    video.compare_kept(case, "after_rev.state")?;
    for frame in &corrected {
        one_click(&mut video, case, *frame)?;
    }
    let tracked = video.propagate(None, Direction::Forwards)?;
    video.compare(case, "fwd2", &tracked)?;
    video.compare_kept(case, "after_fwd2.state")
}

fn one_click(video: &mut Video, case: &mut Case, frame: i64) -> Result<(), Error> {
    let start = format!("click_f{frame}.");
    let clicks = clicks_of(video.fixture.golden, &start)?;
    let found = video.mark(frame, Prompt { clicks, rect: None })?;
    mask(video.fixture, case, &format!("{start}video_res_masks"), &found)
}

/// The shot of the clicks with an object that is thought to be hidden.
fn occluded(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let weights = fixture.folder.join("weights_original_keys_f16.safetensors");
    let net = Sam2::new(&Weights::open(&weights, Device::Cpu, Kind::Float)?, &fixture.net.config)?;
    net.decoder
        .set_score_offset(&fixture.tensor("override.sam_mask_decoder.pred_obj_score_head.layers.2.bias")?);
    let fixture = &Fixture { net: &net, ..*fixture };
    let shared = fixture.beside("video_points")?;
    let mut video = Video::new(fixture, PLAIN)?;
    let frame = fixture.frames("state.cond.f", ".obj_ptr").first().copied().unwrap_or(0);
    let clicks = clicks_of(&shared, &format!("click_f{frame}."))?;
    video.mark(frame, Prompt { clicks, rect: None })?;
    let tracked = video.propagate(None, Direction::Forwards)?;
    video.compare(case, "fwd", &tracked)?;
    let tracked = video.propagate(Some(frame), Direction::Backwards)?;
    video.compare(case, "rev", &tracked)?;
    video.compare_kept(case, "state")
}

/// Clicks on several frames, each with the box that the first stage of VOID puts around them.
fn first_stage(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let mut video = Video::new(fixture, PLAIN)?;
    for frame in fixture.frames("f", ".points") {
        let start = format!("f{frame}.");
        let prompt = Prompt::with_box_of_clicks(clicks_of(fixture.golden, &start)?, video.shot);
        let Some(Rect { left, top, right, bottom }) = prompt.rect else { continue };
        let rect = Tensor::from_slice(&[left, top, right, bottom]);
        case.compare(&format!("{start}box"), &rect, &fixture.tensor(&format!("{start}box"))?, 1e-5);
        let found = video.mark(frame, prompt)?;
        mask(fixture, case, &format!("{start}prompt_video_res_masks"), &found)?;
    }
    let tracked = video.propagate(None, Direction::Forwards)?;
    video.compare(case, "prop", &tracked)
}

fn mask_prompt(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let mut video = Video::new(fixture, PLAIN)?;
    let given = fixture.tensor("mask")?;
    for frame in fixture.frames("f", ".prompt_video_res_masks") {
        let frames = &video.frames;
        let found =
            video.session.give_mask(fixture.net, &mut |i| Ok(frames.get(i)), OBJECT, frame, &given)?;
        mask(fixture, case, &format!("f{frame}.prompt_video_res_masks"), &found)?;
    }
    let tracked = video.propagate(None, Direction::Forwards)?;
    video.compare(case, "prop", &tracked)
}

fn image_predictor(fixture: &Fixture, case: &mut Case) -> Result<(), Error> {
    let picture = fixture.tensor("image_u8")?;
    let square = of_picture(&picture, fixture.net.config.image_size)?;
    case.compare("transformed", &square, &fixture.tensor("transformed")?, 1e-5);
    let single = Single::new(fixture.net, &picture)?;
    case.compare("image_embed", single.embedding(), &fixture.tensor("image_embed")?, ENCODER);
    for prompt in fixture.prompts(".ious") {
        let of = |name: &str| fixture.tensor(&format!("{prompt}.{name}"));
        let has = |name: &str| fixture.golden.has(&format!("{prompt}.{name}"));
        let clicks = if has("point_coords") {
            let points = Vec::<Vec<f64>>::try_from(&of("point_coords")?.to_kind(Kind::Double))?;
            let labels = Vec::<i64>::try_from(&of("point_labels")?.to_kind(Kind::Int64))?;
            let click = |(at, label): (&Vec<f64>, &i64)| Click {
                x: at[0] as f32,
                y: at[1] as f32,
                onto: *label == 1,
            };
            points.iter().zip(&labels).map(click).collect()
        } else {
            Vec::new()
        };
        let rect = if has("box") {
            let rect = Vec::<f64>::try_from(&of("box")?.to_kind(Kind::Double))?;
            let [left, top, right, bottom] = [0, 1, 2, 3].map(|i| rect[i] as f32);
            Some(Rect { left, top, right, bottom })
        } else {
            None
        };
        let ious = of("ious")?;
        let picked = single.pick(fixture.net, &Prompt { clicks, rect }, None, ious.size()[0] > 1)?;
        for (name, got) in
            [("ious", &picked.ious), ("low_res", &picked.low), ("masks_logits", &picked.logits)]
        {
            if has(name) {
                case.compare(&format!("{prompt}.{name}"), got, &of(name)?, DECODER);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::check;

    #[test]
    fn sam2_agrees_with_its_fixtures() {
        check("sam2");
    }
}
