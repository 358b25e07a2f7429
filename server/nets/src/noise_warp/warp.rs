//! One step of flow applied to noise: pixels that come together are summed and those that come apart are split, each so
//! that the result is standard normal noise again.

use std::collections::HashMap;

use tch::{Kind, Tensor};

/// Where a pixel's weight stands in the state.
const DX: i64 = 0;
const DY: i64 = 1;
const WEIGHT: i64 = 2;
const NOISE: i64 = 3;

pub struct Warper {
    /// [3 + c, h, w]: offsets x and y, weight, noise.
    state: Tensor,
}

impl Warper {
    /// `noise`: [c, h, w], standard normal.
    pub fn new(noise: Tensor) -> Self {
        let (_, h, w) = noise.size3().expect("[c, h, w]");
        Self { state: Tensor::cat(&[&blank([h, w], &noise), &noise], 0) }
    }

    /// [c, h, w]
    pub fn noise(&self) -> Tensor {
        self.state.slice(0, NOISE, None, 1)
    }

    /// [3 + c, h, w]
    pub fn state(&self) -> &Tensor {
        &self.state
    }

    /// Moves the noise along `flow` [2, h', w'], x before y in its own pixels, to the next frame. `fresh`: standard normal
    /// [c, h, 2w], for what is split and what appears.
    pub fn step(&mut self, flow: &Tensor, fresh: &Tensor) {
        let (channels, h, w) = self.state.size3().expect("[3 + c, h, w]");
        let flow = enlarged(flow, [h, w]);
        let unit = blank([h, w], &self.state);
        let unit = Tensor::cat(&[&unit, &unit.narrow(0, 0, 1).expand([channels - NOISE, h, w], false)], 0);

        let expand = self.pulled(&flow);
        let (shrink, targets) = self.pushed(&flow, &unit);
        let scattered = |values: &Tensor| {
            let count = values.size()[0];
            let index = targets.view([1, -1]).expand([count, h * w], false);
            values
                .zeros_like()
                .view([count, h * w])
                .scatter_add(1, &index, &values.reshape([count, h * w]))
                .view([count, h, w])
        };
        let ones = Tensor::ones([1, h, w], (Kind::Float, self.state.device()));
        let hit = scattered(&ones).gt(0.0);
        let expand = unit.where_self(&hit, &expand);

        let both = Tensor::cat(&[shrink, expand], 2); // 3+c h 2w
        let (noise, sharers) = shared_out(&both.slice(0, NOISE, None, 1), fresh);
        let weight = both.narrow(0, WEIGHT, 1) / sharers;
        let (noise, weight) = (noise.chunk(2, 2), weight.chunk(2, 2));

        let summed = scattered(&(&noise[0] * &weight[0])) / scattered(&weight[0].square()).sqrt();
        let shrink = Tensor::cat(&[&scattered(&weight[0]), &summed], 0);
        let expand = Tensor::cat(&[&weight[1], &noise[1]], 0);
        let moved = shrink.where_self(&hit, &expand); // 1+c h w
        let weight = moved.narrow(0, 0, 1);
        // Keeps weights from running away over many frames.
        let weight = (&weight / weight.mean(Kind::Float) + 1e-5).pow_tensor_scalar(0.9999);
        let still = self.state.narrow(0, DX, 2).zeros_like();
        self.state = Tensor::cat(&[&still, &weight, &moved.slice(0, 1, None, 1)], 0);
    }

    /// Each pixel takes what was where it comes from.
    fn pulled(&self, flow: &Tensor) -> Tensor {
        let (channels, h, w) = self.state.size3().expect("[3 + c, h, w]");
        let [x, y] = coordinates(&flow.round().neg());
        let inside = within(&x, w).logical_and(&within(&y, h));
        let index =
            (y.clamp(0, h - 1) * w + x.clamp(0, w - 1)).view([1, -1]).expand([channels, h * w], false);
        let values = self.state.view([channels, h * w]).gather(1, &index, false).view([channels, h, w]);
        let values = values.masked_fill(&inside.logical_not(), 0.0);
        let weight = values.narrow(0, WEIGHT, 1);
        let weight = weight.masked_fill(&weight.eq(0.0), 1.0);
        Tensor::cat(&[&values.narrow(0, DX, 2), &weight, &values.slice(0, NOISE, None, 1)], 0)
    }

    /// Each pixel goes where the flow takes it, or stays as a blank one where that is outside. → values and the places
    /// they go to, [h·w].
    fn pushed(&self, flow: &Tensor, blank: &Tensor) -> (Tensor, Tensor) {
        let (_, h, w) = self.state.size3().expect("[3 + c, h, w]");
        let moved = self.state.narrow(0, DX, 2) + flow;
        let [x, y] = coordinates(&moved.round());
        let inside = within(&x, w).logical_and(&within(&y, h));
        let place = Tensor::arange(h * w, (Kind::Int64, self.state.device())).view([h, w]);
        let targets = (y * w + x).where_self(&inside, &place).view(-1);
        let values = self.state.where_self(&inside, blank);
        (values, targets)
    }
}

/// Offsets 0, weight 1: [3, h, w].
fn blank([h, w]: [i64; 2], like: &Tensor) -> Tensor {
    let options = (Kind::Float, like.device());
    Tensor::cat(&[Tensor::zeros([DY + 1, h, w], options), Tensor::ones([1, h, w], options)], 0)
}

/// Where each pixel is with an offset added: whole numbers x and y, [h, w] each.
fn coordinates(offset: &Tensor) -> [Tensor; 2] {
    let (_, h, w) = offset.size3().expect("[2, h, w]");
    let options = (Kind::Int64, offset.device());
    let offset = offset.to_kind(Kind::Int64);
    let x = offset.get(DX) + Tensor::arange(w, options).view([1, w]);
    let y = offset.get(DY) + Tensor::arange(h, options).view([h, 1]);
    [x, y]
}

fn within(at: &Tensor, size: i64) -> Tensor {
    at.ge(0).logical_and(&at.lt(size))
}

/// Flow at the size of the noise. The reference scales x by the ratio of heights and y by that of widths; they are the
/// same wherever it is used.
fn enlarged(flow: &Tensor, [h, w]: [i64; 2]) -> Tensor {
    let (_, height, width) = flow.size3().expect("[2, h, w]");
    let ratios = [h as f64 / height as f64, w as f64 / width as f64];
    let ratios = Tensor::from_slice(&ratios).to_kind(Kind::Float).to_device(flow.device()).view([2, 1, 1]);
    let flow = flow.to_kind(Kind::Float).unsqueeze(0);
    flow.upsample_bilinear2d([h, w], false, None, None).squeeze_dim(0) * ratios
}

/// Gives pixels that carry one and the same noise independent shares of it: [c, h, w], told apart by their first channel
/// → the shares and how many pixels shared each, [1, h, w].
fn shared_out(noise: &Tensor, fresh: &Tensor) -> (Tensor, Tensor) {
    let (c, h, w) = noise.size3().expect("[c, h, w]");
    let device = noise.device();
    let keys = Vec::<f32>::try_from(noise.get(0).contiguous().view(-1)).expect("f32");
    let mut known: HashMap<u32, i64> = HashMap::with_capacity(keys.len());
    let groups: Vec<i64> = keys
        .into_iter()
        .map(|key| {
            let next = known.len() as i64;
            // −0 and 0 are the same noise.
            *known.entry((key + 0.0).to_bits()).or_insert(next)
        })
        .collect();
    let count = known.len() as i64;
    let groups = Tensor::from_slice(&groups).to_device(device);
    let sums = |values: &Tensor| {
        let rows = values.size()[0];
        let index = groups.view([1, -1]).expand([rows, h * w], false);
        let sums = Tensor::zeros([rows, count], (Kind::Float, device)).scatter_add(
            1,
            &index,
            &values.reshape([rows, h * w]),
        );
        sums.gather(1, &index, false).view([rows, h, w])
    };
    let sharers = sums(&Tensor::ones([1, h, w], (Kind::Float, device)));
    let shares = noise / sharers.sqrt() + (fresh - sums(fresh) / &sharers);
    debug_assert_eq!(shares.size(), [c, h, w]);
    (shares, sharers)
}
