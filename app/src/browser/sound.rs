//! Plays the plate's sound in step with the playhead: fetches its samples by address, as pictures are, and gives them to
//! the browser's mixer piece after piece. Forwards at 1× only. Plain http has all of it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::{Rc, Weak};

use domain::{Hash, Rate};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsValue;
use leptos::web_sys::{
    AudioBuffer, AudioBufferSourceNode, AudioContext, AudioContextOptions, AudioContextState,
    AudioScheduledSourceNode, GainNode,
};
use wasm_bindgen_futures::JsFuture;

use super::{HERE, fetch};
use crate::state::desk::Desk;
use crate::state::sound::{Hearing, begins, is_in_step};

/// Seconds in one piece, and how many are kept.
const PIECE: u32 = 2;
const MOST_PIECES: usize = 64;
/// Pieces that are given to the mixer ahead of what is heard.
const AHEAD: u32 = 2;
/// Bytes before the first sample; `media` writes no more.
const HEAD: u64 = 44;

/// What the file's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    channels: u32,
    rate: u32,
    /// Samples per channel.
    length: u32,
}

struct Player {
    desk: Desk,
    url: String,
    shape: Cell<Option<Shape>>,
    pieces: RefCell<HashMap<u32, AudioBuffer>>,
    asked: RefCell<HashSet<u32>>,
    mixer: RefCell<Option<(AudioContext, GainNode)>>,
    run: RefCell<Option<Run>>,
    is_gone: Cell<bool>,
}

/// One stretch of sound without a break.
struct Run {
    /// The mixer's time at which the sample of `from` seconds is heard.
    began: f64,
    from: f64,
    /// The first piece that the mixer does not have yet.
    next: u32,
    nodes: Vec<AudioBufferSourceNode>,
}

impl Run {
    fn stop(&self) {
        for node in &self.nodes {
            // A node that is over cannot be stopped and need not be.
            let _ = AudioScheduledSourceNode::stop(node);
            let _ = node.disconnect();
        }
    }
}

/// Follows the playhead with the sound of `hash` for as long as the calling component lives.
pub fn mount(desk: Desk, hash: Hash) {
    if !HERE {
        return;
    }
    let player = Rc::new(Player {
        desk,
        url: desk.road.sound(desk.shot_id, hash),
        shape: Cell::new(None),
        pieces: RefCell::new(HashMap::new()),
        asked: RefCell::new(HashSet::new()),
        mixer: RefCell::new(None),
        run: RefCell::new(None),
        is_gone: Cell::new(false),
    });
    let weak = Rc::downgrade(&player);
    Effect::new(move |_| {
        desk.playhead.frame.track();
        desk.playhead.speed.track();
        if let Some(player) = weak.upgrade() {
            untrack(|| player.follow());
        }
    });
    let weak = Rc::downgrade(&player);
    Effect::new(move |_| {
        let gain = desk.sound.gain();
        if let Some(player) = weak.upgrade()
            && let Some((_, node)) = &*player.mixer.borrow()
        {
            node.gain().set_value(gain as f32);
        }
    });
    let kept = StoredValue::new_local(player);
    on_cleanup(move || {
        kept.try_with_value(|player| player.leave());
    });
}

impl Player {
    fn leave(&self) {
        self.is_gone.set(true);
        self.stop();
        if let Some((context, _)) = self.mixer.take() {
            settle(context.close());
        }
    }

    fn stop(&self) {
        if let Some(run) = self.run.take() {
            run.stop();
        }
    }

    fn tell(&self, hearing: Hearing) {
        let signal = self.desk.sound.hearing;
        if signal.try_with_untracked(|old| *old != hearing) == Some(true) {
            signal.set(hearing);
        }
    }

    /// Brings what is heard in step with the playhead.
    fn follow(self: &Rc<Self>) {
        let (frame, speed) = (self.desk.playhead.frame.get(), self.desk.playhead.speed.get());
        if speed != 1 {
            self.stop();
            self.tell(Hearing::Silent);
            return;
        }
        let rate = self.desk.clip().rate;
        let Some((context, gain)) = self.mixer() else { return };
        if context.state() != AudioContextState::Running {
            // Browsers start it with the press that started playing; the next frame asks again.
            settle(context.resume());
            self.tell(Hearing::Waiting);
        }
        let Some(shape) = self.shape.get() else {
            self.tell(Hearing::Waiting);
            self.read_head();
            return;
        };
        let now = context.current_time();
        let heard = self.run.borrow().as_ref().map(|run| run.from + now - run.began);
        if !heard.is_some_and(|heard| is_in_step(heard, frame, rate)) {
            self.stop();
            self.begin(shape, frame, rate, &context);
        }
        self.give(shape, &context, &gain);
        let is_running = context.state() == AudioContextState::Running;
        match &*self.run.borrow() {
            Some(run) if is_running => {
                let is_over = run.next > shape.last_piece() && begins(frame, rate) >= shape.seconds();
                self.tell(if is_over { Hearing::Silent } else { Hearing::Playing });
            }
            _ if begins(frame, rate) >= shape.seconds() => self.tell(Hearing::Silent),
            _ => self.tell(Hearing::Waiting),
        }
    }

    /// The browser's mixer, made when it is first needed: before a press it would be refused.
    fn mixer(&self) -> Option<(AudioContext, GainNode)> {
        if let Some((context, gain)) = &*self.mixer.borrow() {
            return Some((context.clone(), gain.clone()));
        }
        let options = AudioContextOptions::new();
        // The file's own rate, so that pieces join without a seam. A browser that lacks it takes its device's.
        options.set_sample_rate(self.shape.get().map_or(48_000, |s| s.rate) as f32);
        let made = AudioContext::new_with_context_options(&options).or_else(|_| AudioContext::new());
        let made = made.and_then(|context| {
            let gain = context.create_gain()?;
            gain.connect_with_audio_node(&context.destination())?;
            Ok((context, gain))
        });
        let Ok((context, gain)) = made else {
            self.tell(Hearing::Missing("this browser gives no way to play sound".to_owned()));
            return None;
        };
        gain.gain().set_value(self.desk.sound.gain() as f32);
        self.mixer.replace(Some((context.clone(), gain.clone())));
        Some((context, gain))
    }

    /// Starts at `frame`, ahead by as long as a sample takes to the ear, once its piece is here.
    fn begin(self: &Rc<Self>, shape: Shape, frame: u32, rate: Rate, context: &AudioContext) {
        let from = begins(frame, rate) + latency(context);
        if from >= shape.seconds() {
            return;
        }
        let piece = (from / f64::from(PIECE)) as u32;
        if !self.pieces.borrow().contains_key(&piece) {
            self.ask(shape, piece);
            return;
        }
        let began = context.current_time();
        // What the ear has now left the mixer a moment ago: counted as heard, not as given.
        let heard = Run { began, from: begins(frame, rate), next: piece, nodes: Vec::new() };
        self.run.replace(Some(heard));
    }

    /// Hands the mixer the pieces that come next, and fetches those after them.
    fn give(self: &Rc<Self>, shape: Shape, context: &AudioContext, gain: &GainNode) {
        let ahead = latency(context);
        let mut place = self.run.borrow_mut();
        let Some(run) = place.as_mut() else { return };
        let now = context.current_time();
        let at = run.from + now - run.began + ahead;
        let wanted = ((at / f64::from(PIECE)) as u32 + AHEAD).min(shape.last_piece());
        while run.next <= wanted {
            let Some(buffer) = self.pieces.borrow().get(&run.next).cloned() else { break };
            let starts = f64::from(run.next * PIECE);
            let skip = if run.nodes.is_empty() { (run.from + ahead - starts).max(0.0) } else { 0.0 };
            let when = run.began + starts + skip - run.from - ahead;
            // A piece that came too late joins where it should be by now.
            let late = (now - when).max(0.0);
            if skip + late < buffer.duration()
                && let Ok(node) = context.create_buffer_source()
            {
                node.set_buffer(Some(&buffer));
                let _ = node.connect_with_audio_node(gain);
                let _ = node.start_with_when_and_grain_offset(when + late, skip + late);
                run.nodes.push(node);
            }
            run.next += 1;
        }
        if run.nodes.len() > 8 {
            let over = run.nodes.len() - 8;
            run.nodes.drain(..over);
        }
        let (next, last) = (run.next, shape.last_piece());
        drop(place);
        for piece in next..=(wanted + 1).min(last) {
            self.ask(shape, piece);
        }
    }

    fn read_head(self: &Rc<Self>) {
        if !self.asked.borrow_mut().insert(u32::MAX) {
            return;
        }
        let (weak, url) = (Rc::downgrade(self), self.url.clone());
        spawn_local(async move {
            let answer = fetch::range(&url, 0, HEAD).await;
            let Some(player) = alive(&weak) else { return };
            match answer.map(|bytes| Shape::read(&bytes)) {
                Ok(Some(shape)) => {
                    player.shape.set(Some(shape));
                    untrack(|| player.follow());
                }
                Ok(None) => player.tell(Hearing::Missing("the sound file is damaged".to_owned())),
                Err(why) => player.failed(u32::MAX, &why.to_string()),
            }
        });
    }

    fn ask(self: &Rc<Self>, shape: Shape, piece: u32) {
        if self.pieces.borrow().contains_key(&piece) || !self.asked.borrow_mut().insert(piece) {
            return;
        }
        let (weak, url) = (Rc::downgrade(self), self.url.clone());
        let bytes_each = u64::from(shape.channels) * 2;
        let first = u64::from(piece) * u64::from(PIECE * shape.rate);
        let end = (first + u64::from(PIECE * shape.rate)).min(u64::from(shape.length));
        let (from, to) = (HEAD + first * bytes_each, HEAD + end * bytes_each);
        spawn_local(async move {
            let answer = fetch::range(&url, from, to).await;
            let Some(player) = alive(&weak) else { return };
            match answer {
                Ok(bytes) => {
                    player.asked.borrow_mut().remove(&piece);
                    player.keep(shape, piece, &bytes);
                    untrack(|| player.follow());
                }
                Err(why) => player.failed(piece, &why.to_string()),
            }
        });
    }

    /// Asked for again in a while: the connection may come back.
    fn failed(self: &Rc<Self>, what: u32, why: &str) {
        self.tell(Hearing::Missing(why.to_owned()));
        let weak = Rc::downgrade(self);
        let again = move || {
            if let Some(player) = alive(&weak) {
                player.asked.borrow_mut().remove(&what);
            }
        };
        set_timeout(again, std::time::Duration::from_millis(1500));
    }

    fn keep(&self, shape: Shape, piece: u32, bytes: &[u8]) {
        let mixer = self.mixer.borrow();
        let Some((context, _)) = &*mixer else { return };
        let count = bytes.len() as u32 / (shape.channels * 2);
        let Ok(buffer) = context.create_buffer(shape.channels, count, shape.rate as f32) else { return };
        for channel in 0..shape.channels {
            let samples = samples(bytes, shape.channels, channel);
            if buffer.copy_to_channel(&samples, channel as i32).is_err() {
                return;
            }
        }
        let mut pieces = self.pieces.borrow_mut();
        while pieces.len() >= MOST_PIECES {
            let Some(farthest) = pieces.keys().copied().max_by_key(|p| p.abs_diff(piece)) else { break };
            pieces.remove(&farthest);
        }
        pieces.insert(piece, buffer);
    }
}

/// Whether it comes true shows in the mixer's state.
fn settle(promise: Result<js_sys::Promise, JsValue>) {
    if let Ok(promise) = promise {
        spawn_local(async move {
            let _ = JsFuture::from(promise).await;
        });
    }
}

fn alive(weak: &Weak<Player>) -> Option<Rc<Player>> {
    weak.upgrade().filter(|player| !player.is_gone.get())
}

/// Seconds from the mixer to the ear; 0 where the browser does not say.
fn latency(context: &AudioContext) -> f64 {
    let said = js_sys::Reflect::get(context, &JsValue::from_str("outputLatency"));
    said.ok().and_then(|value| value.as_f64()).filter(|s| s.is_finite()).unwrap_or(0.0).clamp(0.0, 0.5)
}

impl Shape {
    /// From the 44 bytes that `media` writes; `None` when they are something else.
    fn read(head: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let short = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
        let channels = u32::from(short(22)?);
        let is_ours = head.starts_with(b"RIFF") && head.get(36..40)? == b"data" && short(34)? == 16;
        if !is_ours || !(1..=2).contains(&channels) {
            return None;
        }
        Some(Self { channels, rate: word(24)?, length: word(40)? / (channels * 2) })
    }

    fn seconds(self) -> f64 {
        f64::from(self.length) / f64::from(self.rate.max(1))
    }

    fn last_piece(self) -> u32 {
        self.length.saturating_sub(1) / (self.rate.max(1) * PIECE)
    }
}

/// One channel of interleaved 16-bit samples, -1 to 1.
fn samples(bytes: &[u8], channels: u32, channel: u32) -> Vec<f32> {
    bytes
        .chunks_exact(channels as usize * 2)
        .map(|all| {
            let at = channel as usize * 2;
            f32::from(i16::from_le_bytes([all[at], all[at + 1]])) / 32_768.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_wave_says_where_samples_lie() {
        let mut head = Vec::new();
        head.extend(b"RIFF____WAVEfmt ");
        head.extend(16u32.to_le_bytes());
        head.extend(1u16.to_le_bytes());
        head.extend(2u16.to_le_bytes());
        head.extend(48_000u32.to_le_bytes());
        head.extend(192_000u32.to_le_bytes());
        head.extend(4u16.to_le_bytes());
        head.extend(16u16.to_le_bytes());
        head.extend(b"data");
        head.extend((48_000u32 * 5 * 4).to_le_bytes());
        let shape = Shape::read(&head).expect("a head");
        assert_eq!(shape, Shape { channels: 2, rate: 48_000, length: 240_000 });
        assert_eq!((shape.seconds(), shape.last_piece()), (5.0, 2));
        assert_eq!(Shape::read(&head[..40]), None);
        head[0] = b'X';
        assert_eq!(Shape::read(&head), None);
    }

    #[test]
    fn channels_are_taken_apart() {
        let bytes: Vec<u8> = [16_384i16, -32_768, 0, 8_192].iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(samples(&bytes, 2, 0), [0.5, 0.0]);
        assert_eq!(samples(&bytes, 2, 1), [-1.0, 0.25]);
    }
}
