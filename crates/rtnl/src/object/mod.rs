//! The objects of rtnetlink: fixed header, attribute numbers and table of each, one object a file.

pub mod addr;
pub mod link;
pub mod neigh;
pub mod netns;
pub mod route;
pub mod rule;
