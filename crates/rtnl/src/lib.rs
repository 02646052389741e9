//! The seam: the bytes of rtnetlink and the words for them. No input or output happens here.
//!
//! Bottom up: [`attr`] and [`message`] know bytes; [`table`] knows rows and validates; [`words`] parses what people
//! type and [`show`] prints what kernels answer, both from the same rows, into a [`sink`]; [`object`] and [`kind`]
//! are the rooms of facts; [`client`] holds conversations over a channel.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod attr;
pub mod client;
pub mod errno;
pub mod ethertype;
pub mod family;
pub mod kind;
pub mod lladdr;
pub mod message;
pub mod names;
pub mod object;
pub mod prefix;
pub mod show;
pub mod sink;
pub mod table;
pub mod team;
pub mod words;
