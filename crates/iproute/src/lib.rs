//! The grammar and the printing of `ip` and `bridge`, equal to iproute2 6.1.0. Sees the seam, never a kernel.

#![forbid(unsafe_code)]

pub mod context;
pub mod host;
pub mod link_modify;
pub mod netns;
pub mod session;
