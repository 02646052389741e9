//! The objects of rtnetlink: fixed header, attribute numbers and table of each, one object a file.

pub mod addr;
pub mod brlink;
pub mod brvlan;
pub mod encap;
pub mod fdb;
pub mod link;
pub mod mdb;
pub mod neigh;
pub mod netconf;
pub mod netns;
pub mod prefix;
pub mod route;
pub mod rule;
pub mod tunnel;
