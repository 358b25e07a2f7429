//! One page per address of the URL map.
