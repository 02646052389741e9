//! The objects of rtnetlink: fixed header, attribute numbers and table of each, one object a file.

pub mod link;
pub mod netns;
