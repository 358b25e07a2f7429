//! The demo shots, one file each: who stands where when, with the target and without.

pub mod ball_pins;
pub mod carried_box;
pub mod cast_shadow;
pub mod crossing;
pub mod falling_leaf;
pub mod rolling_cart;
