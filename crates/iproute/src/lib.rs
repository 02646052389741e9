//! The grammar and the printing of `ip` and `bridge`, equal to iproute2 6.1.0. Sees the seam, never a kernel.

#![forbid(unsafe_code)]

pub mod host;
