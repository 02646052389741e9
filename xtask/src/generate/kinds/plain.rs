//! Kinds without options: dummies, pairs of Ethernet links and ifbs.

use super::{Kind, PLAIN, Shape};

pub(super) static DUMMY: Kind = Kind { name: "dummy", stem: "du", dead_end: true, ..PLAIN };

pub(super) static IFB: Kind = Kind { name: "ifb", stem: "ifb", dead_end: true, ..PLAIN };

pub(super) static VETH: Kind = Kind { name: "veth", stem: "ve", shape: Shape::Pair, ..PLAIN };
